//! The client that OpenAPI Generator makes of openapi.json for Rust, against contactd in open mode.
//!
//! Usage: client URL

use openapi::apis::{Error, configuration::Configuration};
use openapi::apis::{emnify_api, kare_api, mattr_api, native_api, oracle_api, thena_api};
use openapi::models;

type Failed = Box<dyn std::error::Error>;

const ECOSYSTEM: &str = "87880d7e-a4d0-462e-8383-3f1e5e16865d";
const PARTICIPANT: &str = "a24e391a-c27f-4b6e-9805-1ee7e03f3c58";

async fn native(service: &Configuration) -> Result<(), Failed> {
    let card = |address: &str| models::NativeCard {
        name: Some(Box::new(models::NativeName {
            full: Some("Ann Example".into()),
            ..Default::default()
        })),
        emails: Some(
            [(
                "work".into(),
                models::NativeEmailAddress::new(address.into()),
            )]
            .into(),
        ),
        ..Default::default()
    };
    let made = native_api::native_create(
        service,
        card("ann@example.com"),
        Some("acme"),
        None,
        None,
        None,
        None,
    )
    .await?;
    assert_eq!(made.version, 1);
    let patch = serde_json::json!({"name": {"full": "Ann Other"}});
    let changed = native_api::native_update(
        service,
        &made.id.to_string(),
        patch,
        None,
        None,
        None,
        Some("\"1\""),
        None,
        None,
        None,
    )
    .await?;
    let full = changed.card.name.and_then(|name| name.full);
    assert_eq!(full.as_deref(), Some("Ann Other"));
    let changes =
        native_api::native_changes(service, Some(0), None, Some("acme"), None, None, None).await?;
    assert_eq!(changes.changed.len(), 1);
    let wrong = native_api::native_create(
        service,
        card("nobody"),
        Some("acme"),
        None,
        None,
        None,
        None,
    )
    .await;
    match wrong {
        Err(Error::ResponseError(refused)) => {
            assert_eq!(refused.status, 400);
            assert!(
                refused.content.contains("\"violations\""),
                "{}",
                refused.content
            );
        }
        other => return Err(format!("it is not refused: {other:?}").into()),
    }
    Ok(())
}

async fn vendors(service: &Configuration) -> Result<(), Failed> {
    let person = models::MattrPointOfContact::new("John Doe".into(), true);
    let made =
        mattr_api::mattr_create(service, ECOSYSTEM, PARTICIPANT, person, None, None, None).await?;
    assert_eq!(made.full_name, "John Doe");
    let contact = models::OracleContactDto::new("John".into(), "Doe".into());
    let address = models::OracleEntityAddressAssociationDto {
        address_postalcode: Some("80202".into()),
        ..Default::default()
    };
    let whole = models::OracleContactModelDto::new(contact, vec![address]);
    let made = oracle_api::oracle_create(service, whole, None, None, None).await?;
    assert_eq!(made.last_name, "Doe");
    let kind = models::emnify_new_contact_type::Id::Variant1;
    let new = models::EmnifyNewContact {
        name: Some(Some("Jane Doe".into())),
        ..models::EmnifyNewContact::new(models::EmnifyNewContactType::new(kind))
    };
    emnify_api::emnify_create(service, "7", new, None, None, None).await?;
    let listed = emnify_api::emnify_list(service, "7", None, None, None, None, None, None).await?;
    assert_eq!(listed.len(), 1);
    let new = models::ThenaNewContact::new("Ann".into(), "ann@example.com".into());
    let made = thena_api::thena_create(service, new, Some("acme"), None, None, None).await?;
    assert_eq!(made.email, "ann@example.com");
    let new = models::KareNewContact::new("Kay".into(), true);
    let inserted = kare_api::kare_create(service, 21, vec![new], None, None, None).await?;
    assert_eq!(inserted.nb_insertion, 1);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let base_path = std::env::args().nth(1).ok_or("no URL")?;
    let service = Configuration {
        base_path,
        ..Configuration::new()
    };
    native(&service).await?;
    vendors(&service).await?;
    println!("OpenAPI Generator's Rust client is content");
    Ok(())
}
