//! Signatures and secrets, whatever somebody writes there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bocau_domain::{EventId, SigningSecret, SigningSecrets, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use secrecy::ExposeSecret as _;

/// The same inputs each time, unless `PROPTEST_CASES` asks for many others.
fn config(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok());
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(552) };
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        rng_seed,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn secret(bytes: Vec<u8>) -> SigningSecret {
    SigningSecret::from_bytes(bytes).expect("the length is allowed")
}

/// Pieces that signatures and attempts at them are made of.
fn signature_of_pieces() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "v1",
        "v1,",
        ",",
        " ",
        "v2,",
        "v1a,",
        "AAAA",
        "=",
        "==",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "é",
        "\0",
        "whsec_",
        "-",
        "_",
        "/",
        "+",
    ]);
    prop_oneof![prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()), any::<String>()]
}

proptest! {
    #![proptest_config(config(2048))]

    #[test]
    fn property_a_signature_verifies_and_whatever_is_made_up_does_not(
        key in prop::collection::vec(any::<u8>(), 24..=64),
        id in any::<[u8; 16]>(),
        seconds in 0..4_102_444_800_i64,
        body in prop::collection::vec(any::<u8>(), 0..300),
        made_up in signature_of_pieces(),
    ) {
        let (id, at) = (EventId::from_bytes(id), Timestamp::from_millis(seconds * 1_000));
        let secrets = SigningSecrets::new(secret(key));
        let signature = secrets.signature(id, at, &body);
        prop_assert!(secrets.verify(id, at, &body, &signature));
        prop_assert!(secrets.verify(id, at, &body, &format!("{made_up} {signature}")), "any of several counts");
        prop_assert!(!secrets.verify(id, at, &body, &made_up));
    }

    #[test]
    fn property_a_signature_is_no_good_for_anything_else(
        key in prop::collection::vec(any::<u8>(), 24..=64),
        id in any::<[u8; 16]>(),
        body in prop::collection::vec(any::<u8>(), 1..300),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        cut in 1..40_usize,
    ) {
        let (event, at) = (EventId::from_bytes(id), Timestamp::from_millis(1_700_000_000_000));
        let secrets = SigningSecrets::new(secret(key.clone()));
        let signature = secrets.signature(event, at, &body);
        let flipped = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            bytes
        };
        prop_assert!(!secrets.verify(event, at, &flipped(&body), &signature), "another body");
        prop_assert!(!secrets.verify(event, at, &body[1..], &signature), "a body cut off");
        let other = EventId::from_bytes(flipped(&id).try_into().expect("16 bytes"));
        prop_assert!(!secrets.verify(other, at, &body, &signature), "another id");
        let later = Timestamp::from_millis(at.as_millis() + 1_000);
        prop_assert!(!secrets.verify(event, later, &body, &signature), "another moment");
        let others = SigningSecrets::new(secret(flipped(&key)));
        prop_assert!(!others.verify(event, at, &body, &signature), "another secret");
        let short = &signature[..signature.len() - cut];
        prop_assert!(!secrets.verify(event, at, &body, short), "a signature cut off");
    }

    #[test]
    fn property_a_secret_reads_back_and_no_other_text_is_one(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        text in signature_of_pieces(),
    ) {
        let is_allowed = (24..=64).contains(&bytes.len());
        let written = format!("whsec_{}", BASE64.encode(&bytes));
        match SigningSecret::parse(&written) {
            Ok(secret) => {
                prop_assert!(is_allowed);
                prop_assert_eq!(secret.expose_bytes(), &bytes[..]);
                let shown = secret.reveal();
                prop_assert_eq!(shown.expose_secret(), &written);
                let debug = format!("{secret:?}");
                prop_assert!(!debug.contains(&written[6..]));
            }
            Err(_) => prop_assert!(!is_allowed),
        }
        if let Ok(secret) = SigningSecret::parse(&text) {
            let shown = secret.reveal();
            prop_assert_eq!(shown.expose_secret(), &text, "one spelling alone");
        }
    }
}
