//! The texts of generated events. A few words are frequent and most are rare, as in every language.

use rand::{RngExt, rngs::Xoshiro256PlusPlus};

/// A word that is in every event whose number in its organization has this remainder.
struct Marker {
    word: &'static str,
    /// One of so many events has the word.
    every: u32,
    remainder: u32,
}

/// Words to search for. Their frequency is known; no other text contains them. `nowhere` is in no event at all.
const MARKERS: [Marker; 4] = [
    Marker { word: "everyday", every: 2, remainder: 1 },
    Marker { word: "occasional", every: 100, remainder: 38 },
    Marker { word: "middling", every: 1_000, remainder: 77 },
    // The first event has it, so that it is in every organization.
    Marker { word: "seldom", every: 100_000, remainder: 0 },
];

/// The descriptions have at least so many characters.
const MIN_DESCRIPTION: usize = 100;

/// The descriptions have at most so many characters, and a few more for the last words.
const MAX_DESCRIPTION: usize = 1_400;

/// The size of the table of words. Even the rarest word is in it several times.
const TABLE_SIZE: f64 = 65_536.0;

/// One of so many titles and descriptions has a foreign text.
const FOREIGN_TEXT_EVERY: u32 = 10;

/// Writes the texts.
pub(super) struct Texts {
    /// Every word as often as it is used: the second one half as often as the first one, and so on (Zipf's law).
    table: Vec<&'static str>,
}

impl Texts {
    pub(super) fn new() -> Self {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let weight = |rank: usize| 1.0 / (rank + 1) as f64;
        let total: f64 = (0..words.len()).map(weight).sum();
        let copies = |rank| (TABLE_SIZE * weight(rank) / total).ceil() as usize;
        let table =
            words.iter().enumerate().flat_map(|(rank, word)| std::iter::repeat_n(*word, copies(rank)));
        Self { table: table.collect() }
    }

    /// A title of some words.
    pub(super) fn title(&self, random: &mut Xoshiro256PlusPlus) -> String {
        let mut title = String::new();
        let count = random.random_range(2..=6);
        for _ in 0..count {
            push_word(&mut title, self.long_word(random));
        }
        if random.random_ratio(1, FOREIGN_TEXT_EVERY) {
            title.push_str(": ");
            push_foreign(&mut title, random, 2);
        }
        capitalize(title)
    }

    /// The description of the event with this number in its organization: sentences, and the words to search for.
    pub(super) fn description(&self, random: &mut Xoshiro256PlusPlus, number: u32) -> String {
        // Most descriptions are short.
        let range = (MAX_DESCRIPTION - MIN_DESCRIPTION) as f64;
        let length = MIN_DESCRIPTION + (range * random.random::<f64>().powi(3)) as usize;
        let is_marked = |marker: &&Marker| number % marker.every == marker.remainder;
        let mut markers = MARKERS.iter().filter(is_marked).map(|marker| marker.word);
        let mut description = String::with_capacity(length + 100);
        if random.random_ratio(1, FOREIGN_TEXT_EVERY) {
            push_foreign(&mut description, random, 6);
            description.push_str(". ");
        }
        // From here on, a byte is a character. The last one is a space, which is removed.
        let length = length + description.len() - description.chars().count();
        while description.len() <= length {
            let mut sentence = String::new();
            for _ in 0..random.random_range(5..=14) {
                push_word(&mut sentence, self.word(random));
                if description.len() + sentence.len() >= length {
                    break;
                }
            }
            if let Some(marker) = markers.next() {
                push_word(&mut sentence, marker);
            }
            description.push_str(&capitalize(sentence));
            description.push_str(". ");
        }
        for marker in markers {
            description.push_str(&capitalize(marker.to_owned()));
            description.push_str(". ");
        }
        description.truncate(description.trim_end().len());
        description
    }

    /// A word for a title. The short words mostly join others in a sentence.
    fn long_word(&self, random: &mut Xoshiro256PlusPlus) -> &'static str {
        loop {
            let word = self.word(random);
            if word.len() > 3 {
                return word;
            }
        }
    }

    fn word(&self, random: &mut Xoshiro256PlusPlus) -> &'static str {
        pick(random, &self.table)
    }
}

/// A value of the list.
pub(super) fn pick<T: Copy>(random: &mut Xoshiro256PlusPlus, values: &[T]) -> T {
    values[random.random_range(0..values.len())]
}

fn push_word(text: &mut String, word: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

fn push_foreign(text: &mut String, random: &mut Xoshiro256PlusPlus, words: usize) {
    let Language { words: all, separator } = pick(random, &LANGUAGES);
    for number in 0..words {
        text.push_str(if number == 0 { "" } else { separator });
        text.push_str(pick(random, all));
    }
}

/// Makes the first letter a capital. The words of our list begin with an ASCII letter.
fn capitalize(mut text: String) -> String {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[derive(Clone, Copy)]
struct Language {
    words: &'static [&'static str],
    separator: &'static str,
}

const LANGUAGES: [Language; 4] = [
    Language {
        words: &[
            "Straße",
            "Größe",
            "Fußball",
            "Grüße",
            "Frühling",
            "Führung",
            "Gespräch",
            "Märchen",
            "Übung",
            "Öffnung",
            "Ausstellung",
            "Weißwein",
            "Spaß",
            "Abschluss",
            "Werkstatt",
            "München",
        ],
        separator: " ",
    },
    Language {
        words: &[
            "Εκδήλωση",
            "μουσική",
            "Θέατρο",
            "άνοιξη",
            "δρόμος",
            "Ομιλία",
            "πόλη",
            "βιβλίο",
            "Ημέρα",
            "θάλασσα",
            "Εργαστήριο",
            "φίλοι",
            "ΑΘΗΝΑ",
            "κόσμος",
        ],
        separator: " ",
    },
    Language {
        words: &[
            "Встреча",
            "музыка",
            "Театр",
            "весна",
            "улица",
            "Лекция",
            "город",
            "книга",
            "День",
            "море",
            "Мастерская",
            "друзья",
            "МОСКВА",
            "праздник",
        ],
        separator: " ",
    },
    Language {
        words: &[
            "会议",
            "音乐",
            "春天",
            "城市",
            "图书馆",
            "讲座",
            "北京",
            "上海",
            "研讨会",
            "朋友",
            "开放日",
            "技术",
            "培训",
            "展览",
        ],
        separator: "",
    },
];

/// The words, the most frequent first.
const WORDS: &str = "the of and to in for with on at our a is you from by all this will be how new your we open team \
what about are their more people it work ideas day event time who each room one hour where everyone when every talk \
workshop together that meeting group community city local after bring learn share next year members can as free \
first music project evening food morning week questions program speakers design guests place training seats during \
into drinks table between start over groups show small office main building practice history technology part \
weekend family help summer season partners garden science children stage market welcome health session support \
experience before network beginners service research lunch water discussion companies film data story exhibition \
spring library product language artists concert road planning career course climate school customer university \
studio future world kitchen plan theater engineering winter security autumn annual park dance culture energy tour \
river coffee management board dinner software museum travel finance quarterly photography leadership education \
breakfast hall house stories festival innovation volunteers light station skills sport running football walk night \
paper sound machine reading strategy writing marketing quality hands budget space law nature green bicycle bridge \
holiday charity campus robot mountain forest review demo cloud testing bread cooking roof yoga chess poetry island \
painting wood clay glass maps trains animals birds trees flowers vegetables banana fruit cheese soup tea \
journey harvest client circle closing coding conference hackathon interview keynote launch lecture mentor metrics \
milestone moderation negotiation onboarding orchestra outreach overview panel parliament performance philosophy \
physics podcast portfolio prototype puppet quiz reception recital recruiting recycling refugee regional rehearsal \
repair residence retreat retrospective robotics roadmap sailing sculpture seminar shelter showcase sketch sociology \
solar statistics storytelling surgery symphony tailoring telescope textile tournament translation typography \
veterinary village vineyard violin volleyball watercolor wellness wildlife woodwork zoology accordion acoustics \
aquarium archaeology astronomy backstage ballet beekeeping biodiversity botany calligraphy carnival ceramics \
chemistry choir cinema compost crochet cryptography curling dramaturgy ecology embroidery ethics falconry fencing \
folklore genealogy geology glacier harbor hydrology improvisation jazz juggling kayak kiln knitting lantern \
linguistics lithography marathon meteorology mosaic mycology numismatics oceanography origami ornithology \
paleontology papercraft percussion quilting rhetoric rowing saxophone seismology snowshoe soapmaking stargazing \
taxidermy trombone ukulele ventriloquism volcano weaving whittling xylophone yodeling zither";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use eventboard_domain::rules;
    use rand::SeedableRng;

    use super::*;

    fn random() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(1)
    }

    #[test]
    fn texts_are_valid_and_have_the_promised_lengths() {
        let (texts, mut random) = (Texts::new(), random());
        for number in 0..5_000 {
            let (title, description) = (texts.title(&mut random), texts.description(&mut random, number));
            assert_eq!(rules::title(&title).as_ref(), Ok(&title));
            assert_eq!(rules::description(&description).as_ref(), Ok(&description));
            assert!((100..=1_500).contains(&description.chars().count()), "{description}");
        }
    }

    #[test]
    fn every_marker_is_in_its_share_of_the_descriptions_and_nowhere_else() {
        let (texts, mut random) = (Texts::new(), random());
        for number in 0..2_000 {
            let title = texts.title(&mut random);
            let description = texts.description(&mut random, number).to_lowercase();
            for Marker { word, every, remainder } in &MARKERS {
                assert_eq!(
                    description.contains(word),
                    number % every == *remainder,
                    "{number}: {description}"
                );
                assert!(!title.to_lowercase().contains(word), "{title}");
            }
            assert!(!description.contains("nowhere"), "{description}");
        }
    }

    #[test]
    fn a_word_is_the_rarer_the_later_it_is_in_the_list() {
        let texts = Texts::new();
        let mut counts = BTreeMap::new();
        for word in &texts.table {
            *counts.entry(*word).or_insert(0_usize) += 1;
        }
        assert!(counts["the"] > 30 * counts["science"] && counts["science"] > 3 * counts["zither"]);
        assert!(counts["zither"] > 1);
    }

    #[test]
    fn texts_of_every_language_occur() {
        let (texts, mut random) = (Texts::new(), random());
        let all: String = (0..500).map(|number| texts.description(&mut random, number)).collect();
        for language in &LANGUAGES {
            assert!(language.words.iter().any(|word| all.contains(word)), "{:?}", language.words);
        }
    }
}
