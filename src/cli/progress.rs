//! A progress bar for what can last longer than a second: on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::domain::Position;

/// Shows how far the log has been looked at.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that says what is being done; standard error gets it where that is a terminal.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::no_length();
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{msg} {human_pos} events {per_sec} {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar }
    }

    /// Notes the position that has been looked at.
    pub fn reach(&self, position: Position) {
        self.bar.set_position(position.get());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
