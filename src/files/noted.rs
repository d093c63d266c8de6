//! Files that note what is asked of them, to say of another state whether it would answer the same.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Bytes, EntryKind, Files, FolderEntry, Found};

/// Whoever reads through it, and through nothing else, makes the same of any state that [`NotedFiles::are_same_in`].
pub struct NotedFiles {
    under: Arc<dyn Files>,
    noted: Mutex<BTreeMap<Question, Answer>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Kind(String),
    Read(String, u64),
    List(String),
    Walk(String),
    Link(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Kind(Option<EntryKind>),
    Read(Option<Bytes>),
    List(Option<Vec<FolderEntry>>),
    /// Paths and what stands there, sorted.
    Walk(Vec<(String, EntryKind)>),
    Link(Option<String>),
    /// Why it cannot be told may be told differently of another state: it is the same in none.
    Failed,
}

impl NotedFiles {
    pub fn new(under: Arc<dyn Files>) -> Self {
        Self {
            under,
            noted: Mutex::default(),
        }
    }

    /// Whether other files answer everything that was asked as these did.
    pub fn are_same_in(&self, other: &dyn Files) -> bool {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.iter().all(|(question, answer)| {
            *answer != Answer::Failed && ask(other, question).as_ref() == Ok(answer)
        })
    }

    fn note<T>(
        &self,
        question: Question,
        got: io::Result<T>,
        answer: impl FnOnce(&T) -> Answer,
    ) -> io::Result<T> {
        let answer = got.as_ref().map_or(Answer::Failed, answer);
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert(question, answer);
        got
    }
}

fn ask(files: &dyn Files, question: &Question) -> Result<Answer, ()> {
    let answer = match question {
        Question::Kind(path) => files.kind(path).map(Answer::Kind),
        Question::Read(path, most) => files.read(path, *most).map(Answer::Read),
        Question::List(folder) => files.list(folder).map(Answer::List),
        Question::Walk(folder) => Ok(walked(&files.walk(folder))),
        Question::Link(path) => files.link(path).map(Answer::Link),
    };
    answer.map_err(|_| ())
}

fn walked(found: &[io::Result<Found>]) -> Answer {
    let mut all = Vec::with_capacity(found.len());
    for found in found {
        let Ok(Found { path, kind, .. }) = found else {
            return Answer::Failed;
        };
        all.push((path.clone(), *kind));
    }
    all.sort();
    Answer::Walk(all)
}

impl Files for NotedFiles {
    fn kind(&self, path: &str) -> io::Result<Option<EntryKind>> {
        let got = self.under.kind(path);
        self.note(Question::Kind(path.to_owned()), got, |kind| {
            Answer::Kind(*kind)
        })
    }

    fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>> {
        let got = self.under.read(path, most);
        self.note(Question::Read(path.to_owned(), most), got, |bytes| {
            Answer::Read(bytes.clone())
        })
    }

    fn list(&self, folder: &str) -> io::Result<Option<Vec<FolderEntry>>> {
        let got = self.under.list(folder);
        self.note(Question::List(folder.to_owned()), got, |entries| {
            Answer::List(entries.clone())
        })
    }

    fn walk(&self, folder: &str) -> Vec<io::Result<Found>> {
        let found = self.under.walk(folder);
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert(Question::Walk(folder.to_owned()), walked(&found));
        found
    }

    fn open(&self, found: &Found, most: u64) -> io::Result<Bytes> {
        let got = self.under.open(found, most);
        self.note(Question::Read(found.path.clone(), most), got, |bytes| {
            Answer::Read(Some(Arc::clone(bytes)))
        })
    }

    fn link(&self, path: &str) -> io::Result<Option<String>> {
        let got = self.under.link(path);
        self.note(Question::Link(path.to_owned()), got, |link| {
            Answer::Link(link.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::MemoryFiles;

    #[test]
    fn only_what_was_asked_for_has_to_be_the_same() {
        type Ask = fn(&dyn Files);
        let before: MemoryFiles = [("a/b.yaml", "1"), ("a/c.yaml", "2"), ("d.yaml", "3")]
            .into_iter()
            .collect();
        // What is asked, and whether it is the same where `b` has other bytes, is gone, or has a neighbour.
        let cases: [(Ask, [bool; 3]); 7] = [
            (|files| drop(files.read("d.yaml", 9)), [true, true, true]),
            (
                |files| drop(files.read("a/b.yaml", 9)),
                [false, false, true],
            ),
            // An answer that failed is the same nowhere.
            (
                |files| drop(files.read("a/b.yaml", 0)),
                [false, false, false],
            ),
            (|files| drop(files.kind("a/b.yaml")), [true, false, true]),
            (|files| drop(files.list("a")), [true, false, false]),
            (|files| drop(files.walk("")), [true, false, false]),
            (
                |files| {
                    for found in files.walk("a").into_iter().flatten() {
                        drop(files.open(&found, 9));
                    }
                },
                [false, false, false],
            ),
        ];
        for (at, (ask, expected)) in cases.into_iter().enumerate() {
            let noted = NotedFiles::new(Arc::new(before.clone()));
            ask(&noted);
            assert!(noted.are_same_in(&before) || at == 2, "{at}");
            let mut edited = before.clone();
            edited.insert("a/b.yaml", "5");
            let mut without = before.clone();
            without.remove("a/b.yaml");
            let mut more = before.clone();
            more.insert("a/new.yaml", "4");
            let found = [edited, without, more].map(|files| noted.are_same_in(&files));
            assert_eq!(found, expected, "{at}");
        }
    }
}
