//! Files that a merge left in conflict, as git writes them.

/// Both sides of a file: ours, and that of the branch that was merged. None where there is no conflict, or one that
/// git did not write.
pub(super) fn sides(bytes: &[u8]) -> Option<[String; 2]> {
    enum Part {
        Both,
        Ours,
        Base,
        Theirs,
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.contains("\n<<<<<<< ") {
        return None;
    }
    let [mut ours, mut theirs] = [String::new(), String::new()];
    let mut part = Part::Both;
    for line in text.split_inclusive('\n') {
        part = match part {
            Part::Both if line.starts_with("<<<<<<< ") => Part::Ours,
            Part::Ours if line.starts_with("||||||| ") => Part::Base,
            Part::Ours | Part::Base if line.trim_end() == "=======" => Part::Theirs,
            Part::Theirs if line.starts_with(">>>>>>> ") => Part::Both,
            Part::Both => {
                ours.push_str(line);
                theirs.push_str(line);
                Part::Both
            }
            Part::Ours => {
                ours.push_str(line);
                Part::Ours
            }
            Part::Base => Part::Base,
            Part::Theirs => {
                theirs.push_str(line);
                Part::Theirs
            }
        };
    }
    matches!(part, Part::Both).then_some([ours, theirs])
}

#[cfg(test)]
mod tests {
    use super::sides;

    #[test]
    fn both_sides_are_read_with_and_without_their_base() {
        let text = "a\n<<<<<<< HEAD\nb\n||||||| base\nx\n=======\nc\n>>>>>>> other\nd\n<<<<<<< HEAD\n=======\ne\n>>>>>>> other\n";
        let expected = ["a\nb\nd\n", "a\nc\nd\ne\n"].map(str::to_owned);
        assert_eq!(sides(text.as_bytes()), Some(expected));
        for text in ["a\n", "a\n<<<<<<< HEAD\nb\n", "a\n=======\nb\n"] {
            assert_eq!(sides(text.as_bytes()), None, "{text}");
        }
    }
}
