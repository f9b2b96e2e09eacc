//! See the map in `dialect`.
