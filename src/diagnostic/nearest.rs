//! The known word that an unknown one was probably meant to be.

/// The known word nearest to `word`, if one is near enough to be worth offering.
///
/// A word that differs only in case, or in `-`, `_` and `.`, wins over all others. Else at most a
/// third of the letters may differ, a swap of neighbours counting once, and at least one letter
/// must stay; among equals the first known word wins, so the order of `known` decides.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// More words than this are no list that a typing mistake is looked for in.
    const MOST: usize = 5000;
    /// Longer words are keys of nobody; comparing them would cost their square.
    const LONGEST: usize = 128;
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let folded = fold(word);
    let (letters_of_word, length) = shape(word);
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in known.take(MOST) {
        if candidate == word || candidate.len() > LONGEST {
            continue;
        }
        // Most words are far off, which their letters alone tell.
        let (letters, other) = shape(candidate);
        let allowed = (length.max(other) / 3).clamp(1, 5);
        let different = (letters ^ letters_of_word).count_ones() as usize;
        if length.abs_diff(other) > allowed || different > 2 * allowed {
            continue;
        }
        let folded_candidate = fold(candidate);
        if !folded.is_empty() && folded == folded_candidate {
            return Some(candidate);
        }
        let letters = folded.chars().count().max(folded_candidate.chars().count());
        let allowed = (letters / 3).clamp(1, 5);
        let distance = strsim::osa_distance(&folded, &folded_candidate);
        let is_near = distance <= allowed && distance < letters;
        if is_near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Which letters a folded word has, one bit each, and how many.
fn shape(word: &str) -> (u64, usize) {
    let letters = word.chars().filter(|letter| !is_separator(*letter));
    letters.fold((0, 0), |(seen, count), letter| {
        let bit = u32::from(letter.to_ascii_lowercase()) % 64;
        (seen | 1 << bit, count + 1)
    })
}

fn is_separator(letter: char) -> bool {
    matches!(letter, '-' | '_' | '.')
}

fn fold(word: &str) -> String {
    word.chars()
        .filter(|letter| !is_separator(*letter))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered() {
        let cases = [
            // a letter missing, doubled, swapped or wrong
            (
                "flux-sytem",
                &["flux-system", "apps"][..],
                Some("flux-system"),
            ),
            ("intervall", &["interval", "prune"], Some("interval")),
            ("dependsno", &["dependsOn", "interval"], Some("dependsOn")),
            ("prome", &["prune", "probe"], Some("probe")),
            // only the case or the separator differs
            ("dependson", &["dependOn", "dependsOn"], Some("dependsOn")),
            (
                "helm_releases",
                &["helmReleases", "helm-release"],
                Some("helmReleases"),
            ),
            // the first among equals
            ("prod-x", &["prod-a", "prod-b"], Some("prod-a")),
            // nothing near
            ("colour", &["interval", "prune"], None),
            ("a", &["b"], None),
            ("ab", &["cd"], None),
            ("", &["a"], None),
            ("x", &[], None),
        ];
        for (word, known, expected) in cases {
            assert_eq!(nearest(word, known.iter().copied()), expected, "{word}");
        }
    }

    #[test]
    fn a_huge_word_is_not_compared() {
        let huge = "a".repeat(1 << 20);
        assert_eq!(nearest(&huge, ["a", huge.as_str()].into_iter()), None);
    }
}
