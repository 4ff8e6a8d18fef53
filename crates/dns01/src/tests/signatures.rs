//! Signatures against what their inventors have published.

use crate::providers::published::{Request, ovh_signature};

#[test]
fn signature_version_4_is_that_of_amazons_test_suite() {
    let request = Request {
        method: "GET",
        host: "example.amazonaws.com",
        path: "/",
        query: "",
        body: "",
        region: "us-east-1",
        service: "service",
        access_key: "AKIDEXAMPLE",
        secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        time: "20150830T123600Z",
    };
    // "get-vanilla" of the suite.
    assert_eq!(
        request.authorization(),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
}

#[test]
fn ovhs_signature_is_that_of_its_guide() {
    let signature = ovh_signature(
        "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
        "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
        "GET",
        "https://eu.api.ovh.com/1.0/domains/",
        "",
        "1366560945",
    );
    assert_eq!(signature, "$1$d3705e8afb27a0d2970a322b96550abfc67bb798");
}
