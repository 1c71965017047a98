//! What a person reads: texts of models and hosts must not steer the terminal they are shown on.

use std::io::{self, IsTerminal, Write};

/// Stands for a control sign.
const REPLACEMENT: char = '\u{fffd}';

/// Stdout; on a terminal without control signs but line ends and tabs.
pub(crate) fn out() -> Screen<io::Stdout> {
    let out = io::stdout();
    Screen { is_terminal: out.is_terminal(), out }
}

/// Stderr; on a terminal without control signs but line ends and tabs.
pub(crate) fn err() -> Screen<io::Stderr> {
    let out = io::stderr();
    Screen { is_terminal: out.is_terminal(), out }
}

/// A text without control signs but line ends and tabs, and without those that turn the direction of what follows.
pub(crate) fn plain(text: &str) -> String {
    let turns = |sign: char| matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let steers = |sign: char| turns(sign) || sign.is_control() && !matches!(sign, '\n' | '\t');
    text.chars().map(|sign| if steers(sign) { REPLACEMENT } else { sign }).collect()
}

/// The line of what goes on, on a terminal; an empty text takes it away.
pub(crate) fn progress(text: &str) -> io::Result<()> {
    let mut out = io::stderr();
    if !out.is_terminal() {
        return Ok(());
    }
    write!(out, "\r\u{1b}[K{}", plain(text))?;
    out.flush()
}

/// Takes whole texts, as `write!` sends them.
#[derive(Debug)]
pub(crate) struct Screen<W> {
    is_terminal: bool,
    out: W,
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_terminal {
            self.out.write_all(plain(&String::from_utf8_lossy(bytes)).as_bytes())?;
        } else {
            self.out.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_steers_a_terminal_and_a_pipe_gets_it_as_it_is() -> io::Result<()> {
        let text = "a\u{1b}]0;title\u{7}b\u{9b}2J\r\n\tc é😀\u{202e}gpj.exe";
        let written = |is_terminal| {
            let mut screen = Screen { is_terminal, out: Vec::new() };
            write!(screen, "{text}").map(|()| String::from_utf8_lossy(&screen.out).into_owned())
        };
        assert_eq!(written(true)?, "a\u{fffd}]0;title\u{fffd}b\u{fffd}2J\u{fffd}\n\tc é😀\u{fffd}gpj.exe");
        assert_eq!(written(false)?, text);
        Ok(())
    }
}
