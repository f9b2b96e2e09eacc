//! Progress bars for what can last longer than a second: on a terminal only.

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
        let template = "{msg} {human_pos} events {per_sec} {elapsed}";
        Self {
            bar: bar(what, None, template),
        }
    }

    /// Notes the position that has been looked at.
    pub fn reach(&self, position: Position) {
        self.bar.set_position(position.get());
    }
}

/// A bar over the bytes of a file, if it is known how many there are.
pub fn over_bytes(what: &'static str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "{msg} {bytes} {bytes_per_sec} {elapsed}",
    };
    bar(what, total, template)
}

/// A bar over files, of which it is known how many there are.
pub fn over_files(what: &'static str, total: u64) -> ProgressBar {
    let template = "{msg} {wide_bar} {human_pos}/{human_len} files {eta}";
    bar(what, Some(total), template)
}

/// A bar that counts contacts.
pub fn over_contacts(what: &'static str) -> ProgressBar {
    bar(what, None, "{msg} {human_pos} contacts {per_sec} {elapsed}")
}

fn bar(what: &'static str, total: Option<u64>, template: &str) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let bar = ProgressBar::with_draw_target(total, target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
