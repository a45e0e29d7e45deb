//! Whom all processes become: the options `user` and `group`, found before the port is bound and
//! assumed after it, for good, by the master, from which the workers have it.

use crate::config::Settings;
use crate::error::{OptionError, StartError};
use crate::sys::user::{Identity, Unknown};

/// Whom the options name; `None` without them.
///
/// # Errors
/// The option that names nobody.
pub(super) fn find(settings: &Settings) -> Result<Option<Identity>, StartError> {
    let (user, group) = (settings.user.as_deref(), settings.group.as_deref());
    if user.or(group).is_none() {
        return Ok(None);
    }
    let wrong = |name: &str, value: Option<&str>, expected: &str| {
        let value = value.unwrap_or_default().to_owned();
        StartError::Option(OptionError {
            name: name.to_owned(),
            value,
            expected: expected.to_owned(),
        })
    };
    Identity::find(user, group).map(Some).map_err(|unknown| match unknown {
        Unknown::User => wrong("user", user, "the name or number of a user of this machine"),
        Unknown::Group => wrong("group", group, "the name or number of a group of this machine"),
        Unknown::GroupOfUser => {
            wrong("user", user, "the option group with a number that no user of this machine has")
        }
        Unknown::Lookup(cause) => StartError::System { what: "look up the user", cause },
    })
}

/// Becomes `identity`.
///
/// # Errors
/// When it is not permitted, or could be undone.
pub(super) fn assume(identity: &Identity) -> Result<(), StartError> {
    identity.assume().map_err(|cause| match cause.kind() {
        std::io::ErrorKind::PermissionDenied => StartError::IdentityDenied,
        _ => StartError::System { what: "become the user", cause },
    })
}
