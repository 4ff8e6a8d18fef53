//! Keys of each form end in a file that opens with its password and with no other.

use super::pfx;
use crate::{Error, KeyType, new_key};
use base::Secret;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};

fn password() -> Secret<String> {
    Secret::new("open sesame, please".to_owned())
}

#[test]
fn keys_as_programs_write_them_go_into_the_file_with_their_chain() {
    for (chain, key) in [
        (include_str!("../tests/fixtures/rsa.pem"), include_str!("../tests/fixtures/rsa-pkcs1.key")),
        (include_str!("../tests/fixtures/ecdsa.pem"), include_str!("../tests/fixtures/ecdsa-sec1.key")),
    ] {
        let file = pfx("shop", chain, &Secret::new(key.to_owned()), &password()).unwrap();
        let open = |password: &str| KeyStore::from_pkcs12(&file, password, Pkcs12ImportPolicy::Strict);
        assert!(open("open sesame").is_err());
        let opened = open(password().expose()).unwrap();
        let (name, kept) = opened.private_key_chain().unwrap();
        assert_eq!((name, kept.certs().len()), ("shop", 1));
        // The key belongs to the certificate still.
        let key = rcgen::KeyPair::try_from(kept.key().as_der()).unwrap();
        let pem = Secret::new(key.serialize_pem());
        crate::inspect(chain, &pem).unwrap();
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let chain = include_str!("../tests/fixtures/rsa.pem");
    let none = Secret::new("junk".to_owned());
    assert!(matches!(pfx("x", chain, &none, &password()), Err(Error::NoKey)));
    let key = new_key(KeyType::EcdsaP256).unwrap();
    assert!(matches!(pfx("x", "junk", &key, &password()), Err(Error::NoCertificate)));
}
