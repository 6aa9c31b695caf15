//! What of a text that is too long stays.

/// Which tokens of a sequence that is too long go. Files hold it as a number of one byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Truncation {
    /// One token after another, from the end of the longer text, of the second where both are as long:
    /// BERT's `_truncate_seq_pair`, which PaddleNLP follows.
    #[default]
    End,
    /// As [`Truncation::End`], from the start of the longer text.
    Start,
    /// From the ends, as the `tokenizers` crate does it (`longest_first`) and so `transformers`: where
    /// both texts are cut, each has half of the room, and the longer one an odd token.
    HalvesEnd,
    /// As [`Truncation::HalvesEnd`], from the starts.
    HalvesStart,
}

impl Truncation {
    /// The number that files hold.
    pub fn code(self) -> u8 {
        match self {
            Self::End => 0,
            Self::Start => 1,
            Self::HalvesEnd => 2,
            Self::HalvesStart => 3,
        }
    }

    /// The value of a number.
    pub fn from_code(code: u8) -> Option<Self> {
        let all = [Self::End, Self::Start, Self::HalvesEnd, Self::HalvesStart];
        all.into_iter().find(|cut| cut.code() == code)
    }

    /// True if the start goes and the end stays.
    pub fn keeps_end(self) -> bool {
        matches!(self, Self::Start | Self::HalvesStart)
    }

    /// True if both texts of a pair get half of the room.
    pub fn halves(self) -> bool {
        matches!(self, Self::HalvesEnd | Self::HalvesStart)
    }

    /// How many tokens stay of two texts with these lengths.
    pub(super) fn lengths(self, first: usize, second: usize, room: usize) -> [usize; 2] {
        if first.saturating_add(second) <= room {
            return [first, second];
        }
        let (short, long) = (first.min(second), first.max(second));
        let kept = if short <= room / 2 {
            [short, room - short]
        } else if self.halves() {
            [room / 2, room - room / 2]
        } else {
            // The longer loses tokens until both are as long; then the second goes first.
            return [room - room / 2, room / 2];
        };
        debug_assert!(kept[1] <= long);
        // The crate swaps only where the first is longer; of equals the second gets the odd token.
        if first > second {
            [kept[1], kept[0]]
        } else {
            kept
        }
    }

    /// Leaves `length` tokens.
    pub(super) fn apply(self, ids: &mut Vec<u32>, length: usize) {
        if self.keeps_end() {
            ids.drain(..ids.len().saturating_sub(length));
        } else {
            ids.truncate(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `_truncate_seq_pair` of BERT's `run_classifier.py`, token by token.
    fn one_by_one(mut a: usize, mut b: usize, room: usize) -> [usize; 2] {
        while a + b > room {
            if a > b {
                a -= 1;
            } else {
                b -= 1;
            }
        }
        [a, b]
    }

    /// `longest_first` of the crate, by its three cases.
    fn longest_first(a: usize, b: usize, room: usize) -> [usize; 2] {
        if a + b <= room {
            return [a, b];
        }
        let (mut n1, mut n2) = (a.min(b), a.max(b));
        n2 = if n1 > room {
            n1
        } else {
            n2.min(n1.max(room - n1))
        };
        if n1 + n2 > room {
            n1 = room / 2;
            n2 = n1 + room % 2;
        }
        if a > b { [n2, n1] } else { [n1, n2] }
    }

    #[test]
    fn lengths_are_those_of_the_plain_rules() {
        for a in 0..30 {
            for b in 0..30 {
                for room in 0..30 {
                    assert_eq!(Truncation::End.lengths(a, b, room), one_by_one(a, b, room));
                    let halves = Truncation::HalvesStart.lengths(a, b, room);
                    assert_eq!(halves, longest_first(a, b, room), "{a} {b} {room}");
                }
            }
        }
    }

    #[test]
    fn codes_come_back() {
        for code in 0..=255 {
            let cut = Truncation::from_code(code);
            assert_eq!(cut.map(Truncation::code), (code < 4).then_some(code));
        }
    }
}
