//! The whole table of failures: which status and words mean which kind, what a kind is blamed on, and what is done next.

use std::ops::RangeInclusive;

use super::FailureKind;

/// What a fallback must avoid after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Avoid {
    /// Every model of the host.
    Host,
    /// This model on this host.
    Arm,
    /// This model on this host, and those that take no less memory there.
    Larger,
    /// Arms with no more context than this one.
    SmallerContext,
    /// Models that answer no better.
    NotBetter,
    /// Nothing would help.
    Everything,
}

/// Blame: what a failure is evidence against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Blame {
    /// The host: it gets no calls for a while.
    Host,
    /// The host has too much to do: it rests a moment.
    Load,
    /// The arm rests a moment, its host does not: an account's limit, for instance.
    ArmLoad,
    /// The host's route: this host is passed over by calls of that route.
    Route,
    /// The arm: after several failures in a row it gets no calls for a while.
    Arm,
    /// The arm; or the host, if none of its other calls brought anything meanwhile.
    Silence,
    /// The model as it is on that host: not called for ten minutes.
    Model,
    /// Nobody.
    Nobody,
}

/// What a kind of failure means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Class {
    pub(crate) kind: FailureKind,
    pub(crate) blame: Blame,
    pub(crate) avoid: Avoid,
    /// Whether this arm may well answer a moment later.
    pub(crate) passing: bool,
}

const fn class_of(kind: FailureKind, blame: Blame, avoid: Avoid, passing: Passing) -> Class {
    Class { kind, blame, avoid, passing: matches!(passing, Passes) }
}

/// Whether the arm that failed may well answer a moment later.
#[derive(Clone, Copy)]
enum Passing {
    Passes,
    Stays,
}
use Passing::{Passes, Stays};

/// What each kind is blamed on, what the next call avoids, and whether the fault passes by itself.
#[rustfmt::skip]
const CLASSES: [Class; 25] = {
    use FailureKind as K;
    [
        class_of(K::Unreachable,       Blame::Host,    Avoid::Host,           Passes),
        class_of(K::ConnectTimeout,    Blame::Host,    Avoid::Host,           Passes),
        class_of(K::BadProtocol,       Blame::Host,    Avoid::Host,           Stays),
        class_of(K::CertificateRefused, Blame::Host,   Avoid::Host,           Stays),
        class_of(K::Busy,              Blame::Load,    Avoid::Host,           Passes),
        class_of(K::RateLimited,       Blame::Load,    Avoid::Host,           Passes),
        // A look tells whether the key is refused everywhere; one call alone says it of its own request.
        class_of(K::Unauthorized,      Blame::Nobody,  Avoid::Host,           Stays),
        class_of(K::TooLarge,          Blame::Nobody,  Avoid::Host,           Stays),
        class_of(K::RouteMissing,      Blame::Route,   Avoid::Host,           Stays),
        class_of(K::AccountRefused,    Blame::ArmLoad, Avoid::Arm,            Stays),
        class_of(K::ServerError,       Blame::Arm,     Avoid::Arm,            Passes),
        class_of(K::CutOff,            Blame::Arm,     Avoid::Arm,            Passes),
        class_of(K::Stalled,           Blame::Silence, Avoid::Arm,            Passes),
        class_of(K::FirstTokenTimeout, Blame::Silence, Avoid::Arm,            Stays),
        // The load goes on, and its end teaches.
        class_of(K::LoadTimeout,       Blame::Nobody,  Avoid::Arm,            Passes),
        class_of(K::ModelMissing,      Blame::Model,   Avoid::Arm,            Stays),
        class_of(K::OutOfMemory,       Blame::Model,   Avoid::Larger,         Stays),
        class_of(K::NotCapable,        Blame::Nobody,  Avoid::Arm,            Stays),
        class_of(K::InputFailed,       Blame::Nobody,  Avoid::Arm,            Stays),
        class_of(K::ContextTooSmall,   Blame::Nobody,  Avoid::SmallerContext, Stays),
        class_of(K::InvalidAnswer,     Blame::Nobody,  Avoid::NotBetter,      Stays),
        class_of(K::EmptyAnswer,       Blame::Nobody,  Avoid::NotBetter,      Stays),
        class_of(K::RefusedAnswer,     Blame::Nobody,  Avoid::NotBetter,      Stays),
        class_of(K::AnswerTooLong,     Blame::Nobody,  Avoid::Everything,     Stays),
        class_of(K::BadRequest,        Blame::Nobody,  Avoid::Everything,     Stays),
    ]
};

/// What stands for no status: an error within a stream that began well.
pub(crate) const IN_STREAM: u16 = 0;

/// Which words, in lower case, a rule asks for.
#[derive(Debug)]
enum Says {
    Anything,
    /// One of these.
    Any(&'static [&'static str]),
    /// Each of these.
    All(&'static [&'static str]),
}

/// A status with words of the server, and the kind of failure they mean.
#[derive(Debug)]
struct Rule(RangeInclusive<u16>, Says, FailureKind);

/// The first rule that fits counts. What names a status alone comes before what words tell.
#[rustfmt::skip]
const RULES: [Rule; 26] = {
    use FailureKind as K;
    use Says::{All, Any, Anything};
    [
        Rule(401..=401, Anything,                                   K::Unauthorized),
        Rule(402..=402, Anything,                                   K::AccountRefused),
        Rule(403..=403, Anything,                                   K::Unauthorized),
        Rule(404..=404, All(&["model", "not found"]),               K::ModelMissing),
        Rule(404..=405, Anything,                                   K::RouteMissing),
        Rule(408..=408, Anything,                                   K::ServerError),
        Rule(413..=413, Anything,                                   K::TooLarge),
        Rule(429..=429, Anything,                                   K::RateLimited),
        Rule(499..=499, Anything,                                   K::CutOff),
        Rule(501..=501, Anything,                                   K::RouteMissing),
        Rule(502..=502, Anything,                                   K::ServerError),
        Rule(504..=504, Anything,                                   K::ServerError),
        Rule(100..=399, Anything,                                   K::BadProtocol),
        // From here on words tell, of a refusal as of an error within a stream.
        Rule(0..=999,   Any(&OUT_OF_MEMORY),                        K::OutOfMemory),
        Rule(0..=999,   Any(&CONTEXT),                              K::ContextTooSmall),
        Rule(0..=999,   Any(&["server busy"]),                      K::Busy),
        Rule(0..=999,   Any(&CRASH),                                K::ServerError),
        Rule(0..=999,   Any(&["unsupported value: nan"]),           K::InputFailed),
        Rule(0..=999,   Any(&["unsupported value: +inf"]),          K::InputFailed),
        Rule(400..=499, Any(&["does not support"]),                 K::NotCapable),
        Rule(400..=499, Anything,                                   K::BadRequest),
        Rule(503..=503, Anything,                                   K::Busy),
        Rule(500..=999, Anything,                                   K::ServerError),
        Rule(0..=0,     Anything,                                   K::CutOff),
        // No status that HTTP knows.
        Rule(1..=99,    Anything,                                   K::ServerError),
        Rule(1000..=u16::MAX, Anything,                             K::ServerError),
    ]
};

/// What a kind means of a model in the cloud, behind an account of its own.
const OF_ACCOUNTS: [FailureKind; 2] = [FailureKind::RateLimited, FailureKind::Unauthorized];

/// Words of a server that ran out of memory.
const OUT_OF_MEMORY: [&str; 9] = [
    "out of memory",
    "cudamalloc failed",
    "failed to allocate",
    "unable to allocate",
    "insufficient memory",
    "requires more system memory",
    "unable to load full model on gpu",
    "outofmemory",
    "errorinsufficient",
];
/// Words of a prompt that is too long.
const CONTEXT: [&str; 5] = [
    "exceed_context_size",
    "exceeds the available context",
    "exceeds the context length",
    "longer than the context length",
    "exceeds maximum context",
];
/// Words of a runner that crashed.
const CRASH: [&str; 4] = [
    "unexpectedly stopped",
    "process has terminated",
    "runner process no longer running",
    "timed out waiting for",
];

/// The kind of failure that a status, or [`IN_STREAM`], and the server's words mean.
pub(crate) fn kind_of(status: u16, words: &str) -> FailureKind {
    let words = words.to_ascii_lowercase();
    let says = |says: &Says| match says {
        Says::Anything => true,
        Says::Any(list) => list.iter().any(|word| words.contains(word)),
        Says::All(list) => list.iter().all(|word| words.contains(word)),
    };
    let fits = |Rule(statuses, wanted, _): &&Rule| statuses.contains(&status) && says(wanted);
    RULES.iter().find(fits).map_or(FailureKind::ServerError, |Rule(_, _, kind)| *kind)
}

/// What a kind means for the next call.
pub(super) fn class(kind: FailureKind) -> Class {
    let row = CLASSES.iter().find(|class| class.kind == kind).copied();
    row.unwrap_or(class_of(kind, Blame::Nobody, Avoid::Arm, Stays))
}

/// What a kind means of a model in the cloud.
pub(super) fn of_account(kind: FailureKind) -> FailureKind {
    if OF_ACCOUNTS.contains(&kind) { FailureKind::AccountRefused } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One case for each rule, in the rules' order: status, words, kind, blame, what the next call avoids.
    #[rustfmt::skip]
    const CASES: [(u16, &str, FailureKind, Blame, Avoid); 26] = {
        use FailureKind as K;
        [
            (401, "unauthorized",                    K::Unauthorized,    Blame::Nobody,  Avoid::Host),
            (402, "payment required",                K::AccountRefused,  Blame::ArmLoad, Avoid::Arm),
            (403, "",                                K::Unauthorized,    Blame::Nobody,  Avoid::Host),
            (404, "model 'm' not found",             K::ModelMissing,    Blame::Model,   Avoid::Arm),
            (405, "404 page not found",              K::RouteMissing,    Blame::Route,   Avoid::Host),
            (408, "",                                K::ServerError,     Blame::Arm,     Avoid::Arm),
            (413, "out of memory",                   K::TooLarge,        Blame::Nobody,  Avoid::Host),
            (429, "slow down",                       K::RateLimited,     Blame::Load,    Avoid::Host),
            (499, "",                                K::CutOff,          Blame::Arm,     Avoid::Arm),
            (501, "",                                K::RouteMissing,    Blame::Route,   Avoid::Host),
            (502, "Bad Gateway",                     K::ServerError,     Blame::Arm,     Avoid::Arm),
            (504, "",                                K::ServerError,     Blame::Arm,     Avoid::Arm),
            (302, "",                                K::BadProtocol,     Blame::Host,    Avoid::Host),
            (500, "cudaMalloc failed",               K::OutOfMemory,     Blame::Model,   Avoid::Larger),
            (400, "exceeds the context length",      K::ContextTooSmall, Blame::Nobody,  Avoid::SmallerContext),
            (0,   "server busy, please try again",   K::Busy,            Blame::Load,    Avoid::Host),
            (0,   "the runner unexpectedly stopped", K::ServerError,     Blame::Arm,     Avoid::Arm),
            (500, "json: unsupported value: NaN",    K::InputFailed,     Blame::Nobody,  Avoid::Arm),
            (500, "json: unsupported value: +Inf",   K::InputFailed,     Blame::Nobody,  Avoid::Arm),
            (400, "m does not support tools",        K::NotCapable,      Blame::Nobody,  Avoid::Arm),
            (422, "what is this",                    K::BadRequest,      Blame::Nobody,  Avoid::Everything),
            (503, "NO_NEW_WORK",                     K::Busy,            Blame::Load,    Avoid::Host),
            (529, "overloaded",                      K::ServerError,     Blame::Arm,     Avoid::Arm),
            (0,   "something broke",                 K::CutOff,          Blame::Arm,     Avoid::Arm),
            (99,  "",                                K::ServerError,     Blame::Arm,     Avoid::Arm),
            (1000, "",                               K::ServerError,     Blame::Arm,     Avoid::Arm),
        ]
    };

    #[test]
    fn each_rule_decides_its_case_and_no_earlier_one_does() {
        for (place, (status, words, kind, blame, avoid)) in CASES.into_iter().enumerate() {
            let class = kind_of(status, words).class();
            assert_eq!((class.kind, class.blame, class.avoid), (kind, blame, avoid), "{status} {words}");
            let lower = words.to_ascii_lowercase();
            let fits = |Rule(statuses, says, _): &Rule| {
                statuses.contains(&status)
                    && match says {
                        Says::Anything => true,
                        Says::Any(list) => list.iter().any(|word| lower.contains(word)),
                        Says::All(list) => list.iter().all(|word| lower.contains(word)),
                    }
            };
            assert_eq!(RULES.iter().position(fits), Some(place), "{status} {words}");
        }
    }

    #[test]
    fn every_status_has_a_rule() {
        for status in 0..=u16::MAX {
            let fits =
                |Rule(statuses, says, _): &Rule| statuses.contains(&status) && matches!(says, Says::Anything);
            assert!(RULES.iter().any(fits), "{status}");
        }
    }

    #[test]
    fn each_kind_has_one_row_and_what_the_request_caused_blames_nobody() {
        for class in CLASSES {
            assert_eq!(CLASSES.iter().filter(|other| other.kind == class.kind).count(), 1, "{class:?}");
            assert_eq!(class.kind.class(), class);
            let rests = matches!(class.blame, Blame::Host | Blame::Load);
            assert!(!rests || class.avoid == Avoid::Host, "{class:?}: who rests is not asked next");
        }
        for kind in [FailureKind::BadRequest, FailureKind::TooLarge, FailureKind::InputFailed] {
            assert_eq!(kind.class().blame, Blame::Nobody);
        }
    }

    #[test]
    fn limits_of_an_account_speak_against_its_model_alone() {
        for kind in [FailureKind::RateLimited, FailureKind::Unauthorized] {
            assert_eq!(kind.of_arm(true).class().blame, Blame::ArmLoad);
            assert_eq!(kind.of_arm(false), kind);
        }
        assert_eq!(FailureKind::Busy.of_arm(true), FailureKind::Busy);
    }
}
