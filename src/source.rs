//! The texts that messages point into, and places in them.

use camino::{Utf8Path, Utf8PathBuf};

/// One of the texts of a run: the TOML file first, then included files and files of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

impl FileId {
    /// The first of the files of the repository, which have numbers of their own.
    const REPOSITORY: u32 = 1 << 31;

    /// The `at`th file that was read of the repository's own.
    pub(crate) fn in_repository(at: usize) -> Self {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        Self(Self::REPOSITORY.saturating_add(at).min(u32::MAX - 1))
    }

    /// Which file of the repository it is, if it is one.
    pub(crate) fn of_repository(self) -> Option<usize> {
        let is_one = self.0 >= Self::REPOSITORY && self != Span::BUILT_IN.file;
        is_one.then_some((self.0 & !Self::REPOSITORY) as usize)
    }
}

/// A range of bytes in one of the run's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

/// The texts of a run.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// Files of the repository, which are here only where a message points into them.
    of_repository: std::collections::BTreeMap<FileId, Source>,
}

/// A text and the path that messages call it by.
#[derive(Debug, Clone)]
pub struct Source {
    path: Utf8PathBuf,
    text: String,
    line_starts: Vec<u32>,
}

/// Line and column, both counted from one; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// A value and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl Span {
    /// The place of what no file says: a built-in default.
    pub const BUILT_IN: Span = Span {
        file: FileId(u32::MAX),
        start: 0,
        end: 0,
    };

    pub fn new(file: FileId, range: std::ops::Range<usize>) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            file,
            start: clamp(range.start),
            end: clamp(range.end),
        }
    }

    pub fn is_built_in(self) -> bool {
        self.file == Self::BUILT_IN.file
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Sources {
    /// Adds a text. `path` is what messages print: relative to the folder of the TOML file.
    pub fn add(&mut self, path: impl Into<Utf8PathBuf>, text: impl Into<String>) -> FileId {
        self.files.push(Source::new(path.into(), text.into()));
        FileId(u32::try_from(self.files.len() - 1).expect("a run has fewer than 2^32 files"))
    }

    /// Adds a file of the repository that has its number already.
    pub(crate) fn add_of_repository(
        &mut self,
        file: FileId,
        path: impl Into<Utf8PathBuf>,
        text: impl Into<String>,
    ) {
        let source = Source::new(path.into(), text.into());
        self.of_repository.insert(file, source);
    }

    /// Adds the files of the repository that others have.
    pub(crate) fn add_all_of_repository(&mut self, others: &Sources) {
        let more = others.of_repository.iter();
        self.of_repository
            .extend(more.map(|(file, source)| (*file, source.clone())));
    }

    /// The text that was added first: the TOML file's.
    pub fn first(&self) -> Option<&Source> {
        self.files.first()
    }

    /// The text that `file` names; `None` for built-in values.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        match file.of_repository() {
            Some(_) => self.of_repository.get(&file),
            None => self.files.get(file.0 as usize),
        }
    }

    /// All texts, in the order they were added.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        (0..).map(FileId).zip(&self.files)
    }

    /// Where `span` starts, if it is in a file.
    pub fn position(&self, span: Span) -> Option<Position> {
        Some(self.get(span.file)?.position(span.start))
    }

    /// `fluxgen.toml:14:3`, or `built-in`.
    pub fn locate(&self, span: Span) -> String {
        match (self.get(span.file), self.position(span)) {
            (Some(source), Some(at)) => format!("{}:{}:{}", source.path, at.line, at.column),
            _ => "built-in".to_owned(),
        }
    }
}

impl Source {
    fn new(path: Utf8PathBuf, text: String) -> Self {
        let mut line_starts = vec![0];
        line_starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)),
        );
        Self {
            path,
            text,
            line_starts,
        }
    }

    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset; an offset past the end is the end.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let start = self.line_starts[line] as usize;
        let end = (offset as usize).min(self.text.len()).max(start);
        let column = self
            .text
            .as_bytes()
            .get(start..end)
            .map_or(0, |bytes| String::from_utf8_lossy(bytes).chars().count());
        Position {
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }

    /// The text of a line counted from one, without its line break.
    pub fn line(&self, line: u32) -> Option<&str> {
        let start = *self.line_starts.get(line.checked_sub(1)? as usize)? as usize;
        self.text[start..].lines().next().or(Some(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("fluxgen.toml", "a = 1\nü = 2\n");
        assert_eq!(sources.locate(Span::new(file, 0..1)), "fluxgen.toml:1:1");
        assert_eq!(sources.locate(Span::new(file, 11..12)), "fluxgen.toml:2:5");
        assert_eq!(
            sources.locate(Span::new(file, 999..999)),
            "fluxgen.toml:3:1"
        );
        assert_eq!(sources.locate(Span::BUILT_IN), "built-in");
    }
}
