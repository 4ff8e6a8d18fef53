//! Chains in any order, and what is too weak to serve.

use super::{accept, pem};
use crate::Error;
use base::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair};

struct Chain {
    leaf: String,
    intermediate: String,
    root: String,
    key: Secret<String>,
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.use_authority_key_identifier_extension = true;
    params
}

fn chain() -> Chain {
    let root = CertifiedIssuer::self_signed(ca("root"), KeyPair::generate().unwrap()).unwrap();
    let middle_key = KeyPair::generate().unwrap();
    let middle = ca("middle").signed_by(&middle_key, &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["app.example.com".to_owned()]).unwrap();
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&key, &Issuer::from_params(&ca("middle"), &middle_key)).unwrap();
    let key = Secret::new(key.serialize_pem());
    Chain { leaf: pem(leaf.der()), intermediate: pem(middle.der()), root: pem(root.der()), key }
}

#[test]
fn a_chain_in_any_order_is_put_right_and_loses_copies_and_the_root() {
    let Chain { leaf, intermediate, root, key } = chain();
    let right = format!("{leaf}{intermediate}");
    for (given, repaired) in [
        (right.clone(), false),
        (format!("{intermediate}{leaf}"), true),
        (format!("{root}{intermediate}{leaf}"), true),
        (format!("{leaf}{leaf}{intermediate}{intermediate}{root}"), true),
        (format!("Bag Attributes\n{leaf}subject=x\n{intermediate}"), false),
    ] {
        let accepted = accept(&given, &key).unwrap();
        assert_eq!((accepted.chain_pem.as_str(), accepted.repaired), (right.as_str(), repaired), "{given}");
        assert_eq!(accepted.info.domains, ["app.example.com"]);
    }
    assert_eq!(accept(&leaf, &key).unwrap().chain_pem, leaf);
}

#[test]
fn what_does_not_belong_to_the_chain_is_named() {
    let (ours, other) = (chain(), chain());
    let error = accept(&format!("{}{}{}", ours.leaf, ours.intermediate, other.leaf), &ours.key).unwrap_err();
    assert!(matches!(error, Error::Stray { position: 3 }), "{error}");
    // An issuer of the same name with another key is another issuer.
    let error = accept(&format!("{}{}", ours.leaf, other.intermediate), &ours.key).unwrap_err();
    assert!(matches!(error, Error::Stray { position: 2 }), "{error}");
    let error = accept(&ours.leaf, &other.key).unwrap_err();
    assert!(matches!(error, Error::KeyMismatch) && error.field() == "private_key", "{error}");
}

fn refused(file: &str) -> String {
    // Certificate and key stand in one file, as some tools write it.
    accept(file, &Secret::new(file.to_owned())).unwrap_err().to_string()
}

#[test]
fn weak_keys_and_signatures_are_refused_with_what_to_get_instead() {
    let said = refused(include_str!("../tests/fixtures/sha1.pem"));
    assert!(said.contains("signed with SHA-1"), "{said}");
    let said = refused(include_str!("../tests/fixtures/rsa1024.pem"));
    assert!(said.contains("2048 bits or more"), "{said}");
    let said = refused(include_str!("../tests/fixtures/weak-issuer.pem"));
    assert!(said.contains("certificate 2 has an RSA key of 1024 bits"), "{said}");
}
