use hap_manifest::PluginId;

/// What stands in the place of names in the files of the templates. Each is a name of its kind, so that the files can be
/// run, checked and formatted as they lie there.
const ID: &str = "hap-new-id";
const TITLE: &str = "Hap New Name";
const AUTHOR: &str = "Hap New Author";
const BASE: &str = "hap-new-base";
const SOURCE: &str = "version = \"hap-new-source\"";

/// What is put into the files of a template.
#[derive(Debug)]
pub(crate) struct Names {
    id: PluginId,
    title: String,
    author: String,
    base: String,
    source: String,
}

impl Names {
    /// `author` is a text as JSON has it, without its quotes, `base` the image that the plugin's is built on, `source` the
    /// members of a dependency in `Cargo.toml` that say where hap-plugin is.
    pub(crate) fn new(id: PluginId, author: String, base: String, source: String) -> Self {
        Self {
            title: title(id.as_str()),
            author,
            id,
            base,
            source,
        }
    }

    /// Puts the names in. What is put in is not looked into again.
    pub(crate) fn put_into(&self, text: &str) -> String {
        let names = [
            (ID, self.id.as_str()),
            (TITLE, &self.title),
            (AUTHOR, &self.author),
            (BASE, &self.base),
            (SOURCE, &self.source),
        ];
        let mut done = String::with_capacity(text.len());
        let mut rest = text;
        let next = |rest: &str| {
            let found = names.iter().filter_map(|(name, value)| {
                let place = rest.find(name)?;
                Some((place, *name, *value))
            });
            found.min_by_key(|(place, ..)| *place)
        };
        while let Some((place, name, value)) = next(rest) {
            let (before, behind) = rest.split_at(place);
            done.push_str(before);
            done.push_str(value);
            rest = behind.strip_prefix(name).unwrap_or_default();
        }
        done.push_str(rest);
        done
    }
}

/// `porch-light` is the `Porch light`.
fn title(id: &str) -> String {
    let words = id.replace('-', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_once_and_not_looked_into() {
        let id: PluginId = "porch-light".parse().unwrap();
        let names = Names::new(
            id,
            "Ada".to_owned(),
            "hap-new-id".to_owned(),
            "path = \"/x\"".to_owned(),
        );
        let text = "hap-new-id, Hap New Name by Hap New Author: hap-new-base { version = \"hap-new-source\" } hap-new-id";
        assert_eq!(
            names.put_into(text),
            "porch-light, Porch light by Ada: hap-new-id { path = \"/x\" } porch-light"
        );
        assert_eq!(names.put_into("nothing"), "nothing");
    }
}
