//! Erasure: why personal data is destroyed, as a command asks for it and its event records it.

/// The reason for which personal data is destroyed.
///
/// ```
/// use contactd::domain::EraseReason;
///
/// assert_eq!(EraseReason::named("legal"), Some(EraseReason::Legal));
/// assert_eq!(EraseReason::Legal.name(), "legal");
/// assert_eq!(EraseReason::named("whim"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EraseReason {
    /// The person concerned asked for it (GDPR, article 17).
    Request,
    /// The time for which the data may be kept has run out.
    Retention,
    /// A law or a court requires it.
    Legal,
    /// Any other reason; the reference may say which.
    Other,
}

impl EraseReason {
    /// Every reason, in the order in which they are documented.
    pub const ALL: [Self; 4] = [Self::Request, Self::Retention, Self::Legal, Self::Other];

    /// The names of all reasons, in the same order.
    pub const NAMES: [&str; 4] = ["request", "retention", "legal", "other"];

    /// The reason's name, as it is sent, recorded and published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
            Self::Legal => "legal",
            Self::Other => "other",
        }
    }

    /// Finds a reason by its name; `None` where there is no such reason.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// The reason for which a contact's personal data was destroyed, as its event records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The reason that the operator gave.
    pub reason: EraseReason,
    /// The operator's own reference, a ticket number for instance.
    pub reference: Option<Box<str>>,
}
