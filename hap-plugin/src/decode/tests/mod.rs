mod expected;
mod secret;
