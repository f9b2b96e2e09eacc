//! Kare: contacts of a company, created in bulk.
//!
//! Known from the vendor's pages: the list, the bulk create and the PATCH,
//! their fields and answers, the session token beside the bearer's. The
//! schema is printed by zod 4, so what is refused, and in which words, is
//! what zod 4 refuses. Inferred: the bodies of errors (an API gateway's for
//! tokens, zod's issues for content), DELETE, `page` and `pageSize`, a
//! company that is not the caller's is not found. Both paths are served, with
//! the gateway's stage `main` and without.
//!
//! Deliberately absent: what a company is. It belongs to another service, so
//! `extend=company` shows its number and nothing that would be made up.

mod contact;
mod dialect;
mod email;
mod issue;
mod openapi;
mod replies;
mod requests;
mod routes;
mod rules;
#[cfg(test)]
mod tests;

pub use dialect::DIALECT;
pub use rules::{Kare, RULES};
