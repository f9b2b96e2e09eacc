//! An event at full detail cut down to a lower one, for a reader that gets more than was asked for.

use serde_json::Value;

use super::Detail;

/// Takes out of an event in JSON what a level of detail does not show. `has_chosen_ids` says
/// whether clients choose the vendor ids of the event's dialect: such an id is personal.
pub fn withhold(event: &mut Value, detail: Detail, has_chosen_ids: bool) {
    let Some(event) = event.as_object_mut() else {
        return;
    };
    match detail {
        Detail::Full => {}
        Detail::Metadata => {
            event.shift_remove("data");
        }
        Detail::NonSensitive => {
            let Some(data) = event.get_mut("data").and_then(Value::as_object_mut) else {
                return;
            };
            data.shift_remove("contact");
            if has_chosen_ids {
                data.shift_remove("vendorId");
            }
            if let Some(error) = data.get_mut("error").and_then(Value::as_object_mut) {
                error.shift_remove("message");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_shown_beyond_the_level() {
        let data = json!({"dialect": "oracle", "vendorId": "x", "status": "open",
            "contact": {"name": {}}, "error": {"code": "invalid", "message": "m"}});
        let event = json!({"id": "7", "data": data});
        let check = |detail, chosen, want: Value| {
            let mut shown = event.clone();
            withhold(&mut shown, detail, chosen);
            assert_eq!(shown, want);
        };
        check(Detail::Full, true, event.clone());
        check(Detail::Metadata, false, json!({"id": "7"}));
        let mut data = json!({"dialect": "oracle", "status": "open", "error": {"code": "invalid"}});
        check(Detail::NonSensitive, true, json!({"id": "7", "data": data}));
        data["vendorId"] = "x".into();
        let mut want = json!({"id": "7", "data": data});
        want["data"]["vendorId"] = "x".into();
        check(Detail::NonSensitive, false, want);
    }
}
