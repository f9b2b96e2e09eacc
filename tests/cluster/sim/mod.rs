//! A cluster under random faults, the same ones for the same seed.

mod chance;
mod home;
mod process;
mod stream;
mod world;

pub use world::{Invariant, LeftOut, Plan, World};
