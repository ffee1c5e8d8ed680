//! How hard a new password is to guess.

use zxcvbn::{Score, zxcvbn};

/// The characters of a password that are judged, from its beginning. The judge reads substitutes such as `4` and `@` in every
/// combination, so a password of 100 such characters keeps a core busy for 0.6 s, and one of 32 for about two hashes. The rest
/// could only make the password harder to guess.
const JUDGED_CHARACTERS: usize = 32;

/// What a password must not be made of: what others know about its user.
pub(crate) type Guesses = Vec<String>;

/// Returns what others would try first for a user.
pub(crate) fn guesses(email: &str, first_name: &str, last_name: &str) -> Guesses {
    let (local_part, domain) = email.split_once('@').unwrap_or((email, ""));
    let words = first_name.split_whitespace().chain(last_name.split_whitespace());
    let words = words.chain(local_part.split(['.', '-', '_', '+'])).chain(domain.split('.'));
    [email, local_part, first_name, last_name].into_iter().chain(words).map(str::to_owned).collect()
}

/// Returns how hard the password is to guess: from 0 (among the first that anybody tries) to 4.
pub(super) fn strength(password: &str, guesses: &[String]) -> u8 {
    let judged: String = password.chars().take(JUDGED_CHARACTERS).collect();
    let guesses: Vec<&str> = guesses.iter().map(String::as_str).collect();
    match zxcvbn(&judged, &guesses).score() {
        Score::Zero => 0,
        Score::One => 1,
        Score::Two => 2,
        Score::Three => 3,
        // The enum may get more values.
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_strong(password: &str) -> bool {
        let guesses = guesses("ada.lovelace@engines.example", "Ada", "King Lovelace");
        strength(password, &guesses) >= 2
    }

    #[test]
    fn common_passwords_and_words_about_the_user_are_weak() {
        for weak in [
            "Password123!",
            "Qwertyuiop1",
            "Ada.lovelace1",
            "Lovelace1!",
            "Engines1!",
            "Ada.Lovelace@engines.example",
            "Aaaaaaaa1",
        ] {
            assert!(!is_strong(weak), "{weak}");
        }
        for strong in ["correct Horse battery 1", "kT9#wq!Lmz4v", "Größenwahn mit 7 Zwergen"] {
            assert!(is_strong(strong), "{strong}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_password_is_judged() {
        let long = "4@8({[<369!1|705$+%2".repeat(5);
        assert_eq!(strength(&long, &[]), strength(&long[..JUDGED_CHARACTERS], &[]));
    }
}
