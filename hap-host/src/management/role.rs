//! [`Role`].

use std::{fmt, str::FromStr};

use hap_manifest::ParseError;

/// What a user of the management API may do. Each role may do what those below it may.
///
/// The application that serves the API knows its users. It puts the role of each into the extensions
/// of the request, before the router of
/// [`management_router`](crate::Supervisor::management_router) has it:
///
/// ```
/// use axum::{extract::Request, middleware::Next, response::Response};
/// use hap_host::Role;
///
/// async fn guests_may_look(mut request: Request, next: Next) -> Response {
///     request.extensions_mut().insert(Role::Viewer);
///     next.run(request).await
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Reads everything that the API shows, and changes nothing.
    Viewer,
    /// Starts, stops, commands and configures the plugins that are installed.
    Operator,
    /// Does everything: installs, updates and removes plugins, and says what they may have.
    Admin,
}

impl Role {
    /// Returns every role, from the one that may do the least.
    #[must_use]
    pub const fn all() -> [Self; 3] {
        [Self::Viewer, Self::Operator, Self::Admin]
    }

    /// Returns its name, as it is written: `viewer`, `operator` or `admin`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::all()
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                ParseError::of(
                    "role",
                    text,
                    "there is no such role",
                    "write viewer, operator or admin",
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_is_written_and_each_may_more_than_the_one_before() {
        for role in Role::all() {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!(Role::all().is_sorted_by(|one, next| one < next));
        let refused = "root".parse::<Role>().unwrap_err().to_string();
        assert!(
            refused.contains("\"root\"") && refused.contains("operator"),
            "{refused}"
        );
    }
}
