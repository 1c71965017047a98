//! Which task a text shows: weighted cues, the ones at its start and its end counting most.

use super::cues::{CODE_MARKS, STEMS};
use super::letters::{is_of_word, lower};
use crate::request::Task;
use crate::text::{first, last};

/// Characters at the start and at the end of a text where its instructions stand.
const HEAD: usize = 500;
const TAIL: usize = 400;
/// Characters between them that are looked at.
const MIDDLE: usize = 4_000;
/// Points a task needs; below, it is general.
const ENOUGH: u32 = 20;

/// What is known besides the text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cues {
    /// The answer must fit a schema.
    pub(crate) schema: bool,
    /// The schema offers a few words to choose from.
    pub(crate) choice: bool,
    /// The model has already answered in this conversation.
    pub(crate) conversation: bool,
}

/// The task with the most points; the text's own on a tie is the one named first.
pub(crate) fn task_of(text: &str, cues: Cues) -> Task {
    let mut points = Points::default();
    let parts = Parts::of(text);
    points.add(&parts.head, 10);
    points.add(&parts.tail, 8);
    points.add(&parts.middle, 2);
    if text.contains("```") {
        points.code += 15;
    }
    if cues.schema {
        points.extract += if cues.choice { 0 } else { 25 };
        points.classify += if cues.choice { 35 } else { 0 };
    }
    if cues.conversation {
        points.chat += 20;
    }
    points.winner(text)
}

/// The start, the end, and some of what lies between, in lower case.
struct Parts {
    head: String,
    tail: String,
    middle: String,
}

impl Parts {
    fn of(text: &str) -> Self {
        let (head, rest) = first(text, HEAD);
        let (middle, tail) = last(rest, TAIL);
        let (middle, _) = first(middle, MIDDLE);
        Self { head: lower(head), tail: lower(tail), middle: lower(middle) }
    }
}

#[derive(Default)]
struct Points {
    general: u32,
    summarize: u32,
    analyze: u32,
    extract: u32,
    classify: u32,
    code: u32,
    chat: u32,
}

impl Points {
    /// Each stem counts once in a part, more the earlier it stands: the first verb is the instruction.
    fn add(&mut self, part: &str, factor: u32) {
        for group in &STEMS {
            let mut sum = 0;
            for stem in group.words.split('|') {
                if let Some(at) = position(part, stem) {
                    let early = if at < 60 && factor == 10 { 6 } else { 4 };
                    sum += group.weight * factor * early / 4;
                }
            }
            *self.of(group.task) += sum.min(group.weight * factor * 3);
        }
        let marks = CODE_MARKS.iter().filter(|mark| part.contains(**mark)).count() as u32;
        if marks > 1 {
            self.code += (marks * factor).min(40);
        }
    }

    fn of(&mut self, task: Task) -> &mut u32 {
        match task {
            Task::Summarize => &mut self.summarize,
            Task::Analyze => &mut self.analyze,
            Task::Extract => &mut self.extract,
            Task::Classify => &mut self.classify,
            Task::Code => &mut self.code,
            Task::Chat => &mut self.chat,
            Task::General | Task::Vision | Task::Embed => &mut self.general,
        }
    }

    fn winner(mut self, text: &str) -> Task {
        // A greeting opens many a prompt that then asks for something else.
        if text.len() > 300 {
            self.chat /= 2;
        }
        let ranked = [
            (self.classify, Task::Classify),
            (self.summarize, Task::Summarize),
            (self.extract, Task::Extract),
            (self.code, Task::Code),
            (self.analyze, Task::Analyze),
            (self.chat, Task::Chat),
        ];
        let best = ranked.into_iter().rev().max_by_key(|(points, _)| *points);
        match best {
            Some((points, task)) if points >= ENOUGH && points > self.general => task,
            _ => Task::General,
        }
    }
}

/// Where a word of the text starts with the stem.
fn position(text: &str, stem: &str) -> Option<usize> {
    // A stem closed by a space may also end at a full stop, a comma or the text's end.
    let open = stem.trim_end();
    let closed = open.len() < stem.len();
    text.match_indices(open).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + open.len()..).and_then(|after| after.chars().next());
        let goes_on = closed && after.is_some_and(is_of_word);
        !goes_on && !before.is_some_and(is_of_word)
    })
}
