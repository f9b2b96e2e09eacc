//! `contactd contacts`: contacts to look at, to change, to carry in and out, and to erase.

mod check;
mod erase;
mod export;
mod format;
mod history;
mod import;
mod list;
mod show;
mod source;
mod write;

use clap::Subcommand;

use super::exit::Failure;

/// What to do with contacts.
#[derive(Subcommand)]
pub enum ContactsCommand {
    /// List contacts, a line of JSON each
    List(list::ListOptions),
    /// Show one contact by its id
    Show(show::ShowOptions),
    /// Show what became of one contact: when, by whom, and each value before and after
    History(history::HistoryOptions),
    /// Create one contact of a Card
    Create(write::CreateOptions),
    /// Change one contact by a JSON merge patch
    Update(write::UpdateOptions),
    /// Delete one contact; its history stays
    Delete(write::DeleteOptions),
    /// Create the contacts that a file holds; run again, it creates none twice
    Import(Box<import::ImportOptions>),
    /// Write contacts for another program
    Export(export::ExportOptions),
    /// Destroy a contact's personal data for good; only on a running service
    Erase(erase::EraseOptions),
}

/// Runs a subcommand of `contactd contacts`.
pub fn run(command: ContactsCommand) -> Result<(), Failure> {
    match command {
        ContactsCommand::List(options) => list::run(&options),
        ContactsCommand::Show(options) => show::run(&options),
        ContactsCommand::History(options) => history::run(&options),
        ContactsCommand::Create(options) => write::create(&options),
        ContactsCommand::Update(options) => write::update(&options),
        ContactsCommand::Delete(options) => write::delete(&options),
        ContactsCommand::Import(options) => import::run(&options),
        ContactsCommand::Export(options) => export::run(&options),
        ContactsCommand::Erase(options) => erase::run(&options),
    }
}
