//! The requests that every vendor has: to create, read, change and delete one contact.

use serde_json::Value;

use super::encoder::Encoder;
use super::schema::Mode;
use super::{Ask, Call, Get, Reply, Request, Write, json};
use crate::domain::{Attempt, Owner, Target};

/// The requests of one vendor. An `Err` is its reply to what is not even a command.
pub trait Decoder: Encoder + 'static {
    /// What the body of an update is: a whole contact, or a change of one.
    const UPDATE: Mode;

    /// The contact that the path names.
    ///
    /// # Errors
    /// The vendor's reply to a text that is no id of a contact.
    fn target(request: &Request<'_>) -> Result<Target, Reply>;

    /// The body of a request.
    ///
    /// # Errors
    /// The vendor's reply to a body that is no JSON.
    fn body(request: &Request<'_>) -> Result<Value, Reply> {
        json::body(request.headers, request.body).map_err(|error| Self::bad_body(&error))
    }

    /// Decodes a request that creates a contact.
    ///
    /// # Errors
    /// As [`Decoder::body`].
    fn create(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let body = Self::body(request)?;
        let draft = Self::CONTACT.read(&body, "", Mode::Whole);
        Ok(Self::write(owner, draft.create(None)))
    }

    /// Decodes a request that changes a contact.
    ///
    /// # Errors
    /// As [`Decoder::target`] and [`Decoder::body`].
    fn update(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let target = Self::target(request)?;
        let body = Self::body(request)?;
        let draft = Self::CONTACT.read(&body, "", Self::UPDATE);
        let attempt = draft.update(target, request.precondition());
        Ok(Self::write(owner, attempt))
    }

    /// Decodes a request that deletes a contact.
    ///
    /// # Errors
    /// As [`Decoder::target`].
    fn delete(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let attempt = Attempt::delete(Self::target(request)?, request.precondition());
        Ok(Self::write(owner, attempt))
    }

    /// Decodes a read of one contact.
    ///
    /// # Errors
    /// As [`Decoder::target`].
    fn get(request: &Request<'_>, owner: &Owner) -> Result<Call, Reply> {
        let target = Self::target(request)?;
        let get = Get::latest(owner, target.clone());
        Ok(Call::Get(Ask::new(get, move |found| {
            Self::found(found, &target)
        })))
    }

    /// A change of one contact.
    fn write(owner: &Owner, attempt: Attempt) -> Call {
        let target = attempt.target.clone();
        let write = Write::one(owner, attempt);
        Call::Write(Ask::new(write, move |outcomes| {
            Self::written(outcomes, target.as_ref())
        }))
    }
}
