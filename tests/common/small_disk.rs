//! A small file system of a test's own, which it can fill.
//!
//! It is a tmpfs in a mount namespace (`unshare` of util-linux), held by a process for as long as
//! the test runs. Outside of the namespace its files are found by way of that process.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A file system of so many MiB. It is gone when it is dropped.
pub struct SmallDisk {
    holder: Child,
    mount: PathBuf,
}

impl SmallDisk {
    /// Makes the directory `mount`, and mounts the file system there.
    pub fn new(mount: &Path, mebibytes: u32) -> Self {
        std::fs::create_dir(mount).expect("a directory");
        let script = format!(
            "mount -t tmpfs -o size={mebibytes}m tmpfs '{}' && echo mounted && exec cat",
            mount.display()
        );
        // It goes with this process, whose end closes what it reads.
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, of util-linux, runs");
        let mut line = String::new();
        let out = holder.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("it speaks");
        assert_eq!(line, "mounted\n", "a tmpfs needs user and mount namespaces");
        Self {
            holder,
            mount: mount.to_owned(),
        }
    }

    /// Runs a program where the file system is seen; arguments may follow.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        command.args(["--target", &holder, "--user", "--mount"]);
        command.args(["--preserve-credentials", program]);
        command
    }

    /// The data directory on it, by the name it has in the namespace.
    pub fn data(&self) -> PathBuf {
        self.mount.join("data")
    }

    /// A file on it, by a name that is good outside of the namespace.
    pub fn outside(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        let inside = self.mount.strip_prefix("/").expect("an absolute path");
        root.join(inside).join(name)
    }

    /// Writes until nothing more fits.
    pub fn fill(&self) {
        let mut filler = File::options()
            .create(true)
            .append(true)
            .open(self.outside("filler"))
            .expect("it can be made");
        while filler.write_all(&[7; 1 << 12]).is_ok() {}
    }

    /// Gives back what filled it.
    pub fn free(&self) {
        std::fs::remove_file(self.outside("filler")).expect("it is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}
