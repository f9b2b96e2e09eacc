//! A cluster under random faults, the same ones for the same seed.

mod chance;
mod disk;
mod stream;
mod world;

pub use world::{LeftOut, Plan, World};
