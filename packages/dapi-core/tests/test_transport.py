"""Transport: redirects, certificates, credentials, proxies and mirrors, each as it should be."""

import hashlib
import logging
import pickle
import sys
import traceback
from base64 import b64encode
from itertools import repeat

import pytest

from dapi import File, WeightEntry
from dapi._store import confirm, schemes, transport
from dapi._store.settings import Settings
from dapi.cache import fetch
from dapi.exceptions import DapiError, FetchError, HashMismatchError
from dapi.hooks import FetchRequest

BODY = bytes(range(256)) * 100
DIGEST = hashlib.sha256(BODY).hexdigest()
NETRC = "machine localhost login me password s3cret\n"
QUICK = Settings(connect=1.0, reach=1.0, stall=1.0, backoff=0.01)


def get(url, sha256=DIGEST):
    return fetch(File(url, sha256=sha256), patience=QUICK).read_bytes()


def redirect(server, path, to):
    return server.serve(path, b"", always={"status": 302, "headers": {"Location": to}})


def authorization(server):
    return [(path, headers.get("Authorization")) for path, headers in server.asked]


@pytest.fixture
def neighbor(secure):
    """Another name of the https server: another origin."""
    return f"https://127.0.0.1:{secure.server_port}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_is_followed(faulty, code):
    """All codes, also to a path without a host."""
    faulty.serve("/net.pth", BODY)
    fault = {"status": code, "headers": {"Location": "/net.pth"}}
    faulty.faults["/old"] = iter([fault])

    assert BODY == get(f"http://localhost:{faulty.server_port}/old")


def test_body_of_a_redirect_is_not_read(faulty):
    """It says nothing, and may never end: here it is announced as a terabyte."""
    target = faulty.serve("/net.pth", BODY)
    to = {"status": 302, "headers": {"Location": target}, "length": 1 << 40}
    faulty.files["/old"], faulty.faults["/old"] = (b"", ""), repeat(to)

    assert BODY == get(f"http://localhost:{faulty.server_port}/old")
    assert ["/old", "/net.pth"] == [path for path, _ in faulty.asked]


def test_redirect_loop_is_an_error(faulty):
    """A server that sends one in circles is left after ten rounds at most."""
    url = redirect(faulty, "/a", "/a")

    with pytest.raises(FetchError, match="loop"):
        get(url)
    assert len(faulty.asked) <= 11


@pytest.mark.parametrize(
    "to", ["file:///etc/hostname", "ftp://localhost/net.pth", "data:,abc", "gopher://localhost"]
)
def test_redirect_to_another_scheme_is_refused(faulty, to):
    """Only http and https are followed."""
    with pytest.raises(FetchError, match="not safe to follow|is not allowed"):
        get(redirect(faulty, "/net.pth", to))
    assert 1 == len(faulty.asked)


def test_redirect_never_falls_to_http(secure, faulty):
    """From https to http is refused even with a full hash."""
    url = redirect(secure, "/net.pth", faulty.serve("/net.pth", BODY))

    with pytest.raises(FetchError, match="not safe to follow"):
        get(url)
    assert [] == faulty.asked


def test_redirect_rises_to_https(secure, faulty):
    """From http to https is fine."""
    assert BODY == get(redirect(faulty, "/net.pth", secure.serve("/net.pth", BODY)))


def test_company_certificate_is_used(secure, monkeypatch, certificate):
    """Without it the error says so at once; with it https works. SSL_CERT_FILE serves as well."""
    url = secure.serve("/net.pth", BODY)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(FetchError, match="certificate of localhost:.* is not trusted"):
        get(url)

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert BODY == get(url)


def test_https_without_any_hash(secure):
    """https alone needs no full hash."""
    assert BODY == get(secure.serve("/net.pth", BODY), sha256=None)


def test_encoded_body_that_is_cut_is_an_error(secure):
    """Even where nobody says how long it is: there is no hash that would tell."""
    url = secure.serve("/net.pth", BODY, always={"gzip": True, "length": None, "cut": 100})

    with pytest.raises(FetchError, match="closed the connection inside an encoded body"):
        get(url, sha256=None)


def test_netrc_is_sent_to_its_host_alone(secure, neighbor, tmp_path, monkeypatch):
    """Credentials go to the host that they are for, not where it redirects to."""
    (tmp_path / "netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    url = redirect(secure, "/net.pth", f"{neighbor}/moved.pth")
    secure.files["/moved.pth"] = BODY, '"v1"'
    secure.faults["/moved.pth"] = iter([{}])

    assert BODY == get(url)
    expected = "Basic " + b64encode(b"me:secret").decode()
    assert [("/net.pth", expected), ("/moved.pth", None)] == authorization(secure)


def test_netrc_is_not_sent_in_the_clear(faulty, tmp_path, monkeypatch):
    """Plain http carries no password."""
    (tmp_path / "netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert BODY == get(faulty.serve("/net.pth", BODY))
    assert [("/net.pth", None)] == authorization(faulty)


def test_damaged_netrc_is_no_obstacle(secure, tmp_path, monkeypatch):
    """A file that cannot be read is as none."""
    (tmp_path / "netrc").write_text("rubbish")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert BODY == get(secure.serve("/net.pth", BODY))


def test_default_of_netrc_is_sent_to_nobody(secure, neighbor, tmp_path, monkeypatch):
    """It names no host, and is sent to none: not to the first, nor where it redirects to."""
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    url = redirect(secure, "/net.pth", f"{neighbor}/moved.pth")
    secure.files["/moved.pth"] = BODY, '"v1"'
    secure.faults["/moved.pth"] = iter([{}])

    assert BODY == get(url)
    assert [("/net.pth", None), ("/moved.pth", None)] == authorization(secure)


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        (NETRC, 0o644, r"~/\.netrc is not used: others can read it \(chmod 600 ~/\.netrc\)"),
        ("machine localhost login me s3cret\n", 0o600, r"not used: line \d cannot be understood"),
        ("machine localhost password \xff", 0o600, "unauthorized"),
        (None, 0o600, r"~/\.netrc cannot be read: Is a directory"),
    ],
    ids=["open to others", "damaged", "not UTF-8", "a directory"],
)
def test_netrc_that_is_not_used_is_told(secure, tmp_path, monkeypatch, text, mode, reason):
    """Who is refused learns that the password was not sent, and why; the proxy is not at fault."""
    netrc = tmp_path / ".netrc"
    netrc.mkdir() if text is None else netrc.write_text(text, encoding="latin-1")
    netrc.chmod(mode | (0o100 if text is None else 0))
    monkeypatch.setenv("HOME", str(tmp_path))
    url = secure.serve("/net.pth", BODY, always={"status": 401, "reason": "unauthorized"})

    with pytest.raises(FetchError, match=reason) as caught:
        get(url)
    assert "If localhost" in caught.value.remedy
    for word in ("proxy", "s3cret"):
        assert word not in str(caught.value)


def test_the_hub_is_signed_in_to_by_its_own_means(secure, monkeypatch):
    """It refuses a login of .netrc; other servers do not know its token."""
    url = secure.serve("/owner/name/net.pth", BODY, always={"status": 401, "reason": "gated"})
    with pytest.raises(FetchError, match=r"add one to ~/\.netrc"):
        fetch(File(url, sha256=DIGEST), patience=QUICK)

    monkeypatch.setenv("HF_ENDPOINT", url.removesuffix("/owner/name/net.pth"))
    with pytest.raises(
        FetchError, match=r"hf auth login, or set HF_TOKEN.*begin with hf:"
    ) as found:
        fetch(File(url, sha256=DIGEST), patience=QUICK)
    assert "netrc" not in str(found.value)


def test_netrc_that_does_not_exist_is_told(secure, monkeypatch):
    """NETRC names a file; none at home is no problem."""
    url = secure.serve("/net.pth", BODY, always={"status": 403})
    with pytest.raises(FetchError, match=r"answered 403 Forbidden\. If"):
        get(url)
    monkeypatch.setenv("NETRC", "/nowhere/netrc")

    with pytest.raises(FetchError, match=r"403 Forbidden \(/nowhere/netrc does not exist\)"):
        get(url)


def with_password(url, password="me:p%40ss%2Fs3cret"):
    return url.replace("://", f"://{password}@")


def test_password_of_an_address_is_sent_to_its_host_alone(secure, neighbor):
    """user:password@ is Basic authorization for the address's own server."""
    url = redirect(secure, "/net.pth", "/there.pth")
    secure.files["/there.pth"] = secure.files["/moved.pth"] = BODY, '"v1"'
    to = {"status": 307, "headers": {"Location": f"{neighbor}/moved.pth"}}
    secure.faults.update({"/there.pth": repeat(to), "/moved.pth": repeat({})})

    assert BODY == get(with_password(url))
    expected = "Basic " + b64encode(b"me:p@ss/s3cret").decode()
    assert [
        ("/net.pth", expected), ("/there.pth", expected), ("/moved.pth", None)
    ] == authorization(secure)  # fmt: skip


def test_password_of_an_address_is_not_sent_in_the_clear(faulty):
    """Plain http carries none of these either, though the address works."""
    assert BODY == get(with_password(faulty.serve("/net.pth", BODY)))
    assert [("/net.pth", None)] == authorization(faulty)


def test_password_of_an_address_outweighs_netrc(secure, tmp_path, monkeypatch):
    """What stands in the address was meant."""
    (tmp_path / "netrc").write_text(NETRC)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert BODY == get(with_password(secure.serve("/net.pth", BODY), "token"))
    assert [("/net.pth", "Basic " + b64encode(b"token:").decode())] == authorization(secure)


TOKENS = """
from dapi.hooks import hookimpl, FetchRequest

@hookimpl
def dapi_before_fetch(url):
    return FetchRequest({url}, {{"authorization": {value!r}, "X-Token": "s3cret"}})
"""


@pytest.fixture
def add_token(advertise):
    """Have a hook add headers to each request, and perhaps replace its URL."""

    def add(url="url", value="Bearer s3cret"):
        source = TOKENS.format(url=url, value=value)
        advertise("acme-tokens", "[dapi.hooks]\ntokens = acme_tokens\n", acme_tokens=source)

    yield add
    sys.modules.pop("acme_tokens", None)


def tokens(server):
    return [headers.get("X-Token") for _, headers in server.asked]


def test_headers_of_a_hook_stay_with_their_host(secure, neighbor, add_token):
    """What a hook adds, such as a token, is not sent on to another host."""
    url = redirect(secure, "/net.pth", f"{neighbor}/moved.pth")
    secure.files["/moved.pth"] = BODY, '"v1"'
    secure.faults["/moved.pth"] = iter([{}])
    add_token()

    assert BODY == get(url)
    assert [("/net.pth", "Bearer s3cret"), ("/moved.pth", None)] == authorization(secure)
    assert ["s3cret", None] == tokens(secure)


@pytest.mark.parametrize("rule", ["{0}", "example.org={0}/example.org"])
def test_headers_of_a_hook_do_not_reach_a_mirror(faulty, monkeypatch, add_token, rule):
    """They are for the server of the hook's URL; DAPI_MIRROR puts another in its place."""
    faulty.serve("/example.org/net.pth", BODY)
    monkeypatch.setenv("DAPI_MIRROR", rule.format(f"http://localhost:{faulty.server_port}"))
    add_token()

    assert BODY == get("https://example.org/net.pth")
    assert [("/example.org/net.pth", None)] == authorization(faulty)
    assert [None] == tokens(faulty)


def test_headers_of_a_hook_reach_the_host_that_it_names(secure, add_token, monkeypatch):
    """A hook may name another server, with the headers for that; a mirror within it keeps them."""
    secure.serve("/sub/net.pth", BODY)
    host = f"localhost:{secure.server_port}"
    add_token(url=repr(f"https://{host.upper()}/net.pth"))
    monkeypatch.setenv("DAPI_MIRROR", f"localhost=https://{host}/sub")

    assert BODY == get("https://example.org/net.pth")
    assert [("/sub/net.pth", "Bearer s3cret")] == authorization(secure)


def test_header_with_a_line_break_at_its_end_is_sent(secure, add_token):
    """A token that was read from a file."""
    add_token(value="Bearer s3cret\n")

    assert BODY == get(secure.serve("/net.pth", BODY))
    assert [("/net.pth", "Bearer s3cret")] == authorization(secure)


def test_request_shows_no_header(add_token):
    """Its representation, as in a traceback, names headers and keeps their values."""
    shown = repr(FetchRequest("https://me:s3cret@a.org/n?sig=s3cret", {"Authorization": "s3cret"}))

    assert "FetchRequest('https://a.org/n?***', headers of Authorization)" == shown


def test_mirror_may_have_a_password(secure, monkeypatch):
    """It is sent to the mirror; that of the file's own address is not."""
    secure.serve("/example.org/net.pth", BODY)
    mirror = with_password(f"https://localhost:{secure.server_port}", "mirror:pass")
    monkeypatch.setenv("DAPI_MIRROR", mirror)

    assert BODY == get("https://me:s3cret@example.org/net.pth")
    expected = "Basic " + b64encode(b"mirror:pass").decode()
    assert [("/example.org/net.pth", expected)] == authorization(secure)


def test_file_that_a_mirror_lacks_is_no_matter_of_its_publisher(secure, monkeypatch):
    """Neither the distribution nor who published the file is to blame."""
    monkeypatch.setenv("DAPI_MIRROR", f"https://localhost:{secure.server_port}")

    with pytest.raises(FetchError, match="answered 404 .* Add the file to the mirror") as caught:
        get("https://example.org/net.pth")
    assert "publisher" not in str(caught.value)


@pytest.mark.parametrize("password", ["s3/cret", "s3#cret", "s3?cret"])
def test_password_that_is_not_escaped_goes_nowhere(secure, monkeypatch, password):
    """A part of it would look like the host: it is shown in no error, and sent to no mirror."""
    monkeypatch.setenv("DAPI_MIRROR", f"https://localhost:{secure.server_port}")

    with pytest.raises(FetchError, match=r"example\.org: its address") as caught:
        get(f"https://me:{password}@example.org/net.pth")
    assert [] == secure.asked
    assert "s3" not in str(caught.value).replace("https", "")


@pytest.mark.parametrize("trust", ["", "1"])
@pytest.mark.parametrize("digits", [0, 8, 15, 16, 64])
@pytest.mark.parametrize("way", ["mirror", "hook"])
def test_mirror_is_believed_only_with_enough_digits(
    secure, monkeypatch, add_token, way, digits, trust
):
    """Fewer can be forged by who serves the file; the user may trust the mirror nevertheless."""
    url = secure.serve("/example.org/net.pth", BODY)
    monkeypatch.setenv("DAPI_TRUST_MIRROR", trust)
    if way == "mirror":
        monkeypatch.setenv("DAPI_MIRROR", f"https://localhost:{secure.server_port}")
    else:
        add_token(url=repr(url))
    published = DIGEST[:digits] or None

    if digits >= 16 or trust:
        assert BODY == get("https://example.org/net.pth", sha256=published)
    else:
        with pytest.raises(FetchError, match="To trust the mirror: DAPI_TRUST_MIRROR=1") as caught:
            get("https://example.org/net.pth", sha256=published)
        assert [] == secure.asked
        assert "proxy" not in str(caught.value)


def test_mirror_is_believed_once_the_hash_is_held(secure, monkeypatch, own_cache):
    """What was loaded from its own server has a full hash; then a mirror can do no harm."""
    file = File(secure.serve("/net.pth", BODY), sha256=DIGEST[:8])
    path = fetch(file)
    confirm(file)
    path.unlink()
    secure.serve(f"/localhost:{secure.server_port}/net.pth", BODY)
    monkeypatch.setenv("DAPI_MIRROR", f"https://127.0.0.1:{secure.server_port}")

    assert BODY == fetch(file, patience=QUICK).read_bytes()


def test_redirect_of_the_host_itself_needs_no_trust(secure, neighbor):
    """Where a server sends to is its own word, over its own TLS."""
    url = redirect(secure, "/net.pth", f"{neighbor}/moved.pth")
    secure.files["/moved.pth"] = BODY, '"v1"'
    secure.faults["/moved.pth"] = iter([{}])

    assert BODY == get(url, sha256=DIGEST[:8])


def test_mirror_that_is_no_address_is_an_error(monkeypatch):
    """Nothing is asked of the network instead; the rule is shown without its password."""
    monkeypatch.setenv("DAPI_MIRROR", "me:s3cret@mirror.example")

    with pytest.raises(FetchError, match=r"'mirror\.example' of DAPI_MIRROR .* Write https:"):
        get("https://example.org/net.pth")


SIGNED = "/net.pth?X-Amz-Signature=s3cret&X-Amz-Expires=9"

# How a server answers a signed address, and what then is asked for.
LEAKS = {
    "refused": {"status": 403},
    "not found": {"status": 404, "reason": "no /net.pth?X-Amz-Signature"},
    "unavailable": {"status": 503},
    "cut": {"cut": 10},
    "other bytes": {"body": BODY[::-1]},
    "a page": {"body": b"<html>"},
    "redirect to http": {"status": 302, "headers": {"Location": "http://a.org/x?sig=s3cret"}},
    "redirect to ftp": {"status": 302, "headers": {"Location": "ftp://me:s3cret@a.org/x"}},
    "redirect to nowhere": {
        "status": 302, "headers": {"Location": "https://me:s3cret@127.0.0.1:9/x?sig=s3cret"}
    },
    "redirect to itself": {"status": 302, "headers": {"Location": SIGNED}},
}  # fmt: skip


def everything_shown(error):
    """Return all that an error shows or carries, and what logs and records could hold of it."""
    text = "".join(traceback.format_exception(error))
    return "\n".join(
        [text, repr(error), str(vars(error)), str(error.args), str(pickle.dumps(error))]
    )


def records(cache):
    return "".join(
        path.read_text(encoding="latin-1") for path in cache.rglob("*")
        if path.is_file() and path.read_bytes() != BODY
    )  # fmt: skip


@pytest.mark.parametrize("answer", LEAKS.values(), ids=LEAKS)
def test_error_shows_no_secret(secure, own_cache, caplog, recwarn, answer):
    """Neither a password nor a signature, in the text, a fact, a log or a record."""
    caplog.set_level(logging.DEBUG)
    secret = with_password(secure.serve(SIGNED, BODY, always=answer), "me:s3cret")
    entry = WeightEntry(secret, sha256=DIGEST, size=len(BODY))

    with pytest.raises((FetchError, HashMismatchError)) as caught:
        fetch(entry.files[0], wanted=str(entry), patience=QUICK)
    shown = everything_shown(caught.value) + caplog.text + repr(entry) + records(own_cache)
    assert "s3cret" not in shown
    assert f"https://localhost:{secure.server_port}/net.pth?***" in str(caught.value)
    assert [] == [str(each.message) for each in recwarn]


@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cret@localhost:port/n.pth",
        "https://me:pa/s3cret@localhost/n.pth",
        "https://me:p#s3cret@localhost/n.pth",
        "https://localhost/n.pth?sig=s3cret with a space",
        "acme://me:s3cret@bucket/n.pth?sig=s3cret",
        "s3://key:s3cret@bucket/n.pth?sig=s3cret",
        "hf://owner?s3cret",
    ],
)
def test_address_that_is_not_valid_shows_no_secret(url):
    """Whoever finds fault with it, be it http.client or a provider."""
    with pytest.raises(DapiError) as caught:
        get(url)
    assert "s3cret" not in everything_shown(caught.value)


def test_header_that_is_not_valid_shows_no_secret(secure, add_token):
    """http.client would quote it."""
    add_token(value="Bearer\r\nX: s3cret")

    with pytest.raises(FetchError, match="a header, .* is not valid") as caught:
        get(secure.serve("/net.pth", BODY))
    assert "s3cret" not in everything_shown(caught.value)


def test_proxy_that_is_not_valid_shows_no_secret(faulty, monkeypatch):
    """urllib would quote it."""
    monkeypatch.setenv("http_proxy", "http:me:s3cret@proxy")

    with pytest.raises(FetchError) as caught:
        get("http://example.org/net.pth")
    assert "s3cret" not in everything_shown(caught.value)


def test_records_hold_no_secret(secure, own_cache):
    """Of a file that was fetched: its stamp, and what was noted for lack of a full hash."""
    url = with_password(secure.serve(SIGNED, BODY), "me:s3cret")
    for file in (File(url, sha256=DIGEST), File(url, sha256=DIGEST[:8])):
        fetch(file, wanted=str(WeightEntry(url)))
        confirm(file)

    assert "/net.pth?***" in records(own_cache)
    assert "s3cret" not in records(own_cache)


def test_password_does_not_decide_what_is_in_the_cache(secure, own_cache):
    """Who changes it finds what was fetched with the old one."""
    url = secure.serve("/net.pth", BODY)
    for password in ("me:old", "me:new"):
        assert BODY == get(with_password(url, password), sha256=DIGEST[:8])
    assert 1 == len(secure.asked)


def test_reason_of_a_server_controls_no_terminal(faulty):
    """What a server writes behind its status is one line of plain text, and not a long one."""
    phrase = "\x1b]0;owned\x07\x1b[2JAll is \x9b31mwell" + "!" * 1000
    url = faulty.serve("/net.pth", BODY, always={"status": 404, "reason": phrase})

    with pytest.raises(FetchError, match=r"404 \]0;owned\[2JAll is 31mwell!!") as caught:
        get(url)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("case", ["no_proxy", "https"])
def test_password_of_a_proxy_stays_with_it(faulty, secure, monkeypatch, case):
    """A proxied answer redirects to a host that is asked directly: Proxy-Authorization ends."""
    target = (faulty if case == "no_proxy" else secure).serve("/moved.pth", BODY)
    to = {"status": 302, "headers": {"Location": target}}
    faulty.files["http://example.org/net.pth"] = b"", ""
    faulty.faults["http://example.org/net.pth"] = iter([to])
    monkeypatch.setenv("http_proxy", f"http://me:s3cret@127.0.0.1:{faulty.server_port}")
    monkeypatch.setenv("no_proxy", "localhost" if case == "no_proxy" else "")
    monkeypatch.delenv("https_proxy", raising=False)

    assert BODY == get("http://example.org/net.pth")
    asked = [
        (path, headers.get("Proxy-Authorization")) for path, headers in faulty.asked + secure.asked
    ]
    password = "Basic " + b64encode(b"me:s3cret").decode()
    assert [("http://example.org/net.pth", password), ("/moved.pth", None)] == asked


def test_proxy_of_the_environment_is_used(faulty, monkeypatch):
    """http_proxy is asked, except for the hosts of no_proxy."""
    faulty.serve("http://example.org/net.pth", BODY)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{faulty.server_port}")
    monkeypatch.setenv("no_proxy", "localhost")

    assert BODY == get("http://example.org/net.pth")
    assert ["http://example.org/net.pth"] == [path for path, _ in faulty.asked]


@pytest.mark.parametrize(
    ("setting", "url", "expected"),
    [
        ("https://m.example", "https://a.org/x/n.pth", "https://m.example/a.org/x/n.pth"),
        ("https://m.example/b/", "https://a.org/n.pth?v=1", "https://m.example/b/a.org/n.pth?v=1"),
        ("a.org=https://m.example/a", "https://a.org/n.pth", "https://m.example/a/n.pth"),
        ("a.org=https://m.example/a", "https://b.org/n.pth", "https://b.org/n.pth"),
        ("a.org=https://m1, https://m2", "https://b.org/n.pth", "https://m2/b.org/n.pth"),
        ("https://m.example", "package:acme/n.pth", "package:acme/n.pth"),
        ("", "https://a.org/n.pth", "https://a.org/n.pth"),
        ("127.0.0.1=https://m", "http://127.0.0.1:8000/n.pth", "https://m/n.pth"),
        ("[::1]=https://m", "http://[::1]:8000/n.pth", "https://m/n.pth"),
        ("a.org:8443=https://m", "https://a.org:8443/n.pth", "https://m/n.pth"),
        ("a.org:8443=https://m", "https://a.org/n.pth", "https://a.org/n.pth"),
        ("a.org:443=https://m", "https://a.org/n.pth", "https://m/n.pth"),
        ("A.org = https://m/", "https://me:pw@a.ORG/n.pth", "https://m/n.pth"),
        ("https://a.org=https://m", "https://a.org/n.pth", "https://m/n.pth"),
        ("https://m", "https://me:secret@a.org:80/n.pth", "https://m/a.org:80/n.pth"),
        ("https://me:p=w@m", "https://a.org/n.pth", "https://me:p=w@m/a.org/n.pth"),
    ],
)
def test_mirror_of_the_environment_rewrites(monkeypatch, setting, url, expected):
    """DAPI_MIRROR replaces every host, or those that it names."""
    monkeypatch.setenv("DAPI_MIRROR", setting)

    assert expected == schemes.mirrored(url)


def test_mirror_of_the_environment_is_asked(faulty, monkeypatch):
    """Only the mirror sees a request; the bytes are verified all the same."""
    faulty.serve("/example.org/net.pth", BODY)
    monkeypatch.setenv("DAPI_MIRROR", f"http://localhost:{faulty.server_port}")

    assert BODY == get("https://example.org/net.pth")
    monkeypatch.setenv("DAPI_TRUST_MIRROR", "1")
    with pytest.raises(FetchError, match="plain http needs a full sha256"):
        get("https://example.org/net.pth", sha256=DIGEST[:8])


def test_retry_after_is_read_as_seconds_or_a_date():
    """Both forms of the header; what is neither counts as nothing."""
    assert 7.0 == transport._seconds("7")
    assert 0.0 == transport._seconds("Thu, 01 Jan 1970 00:00:00 GMT")
    assert transport._seconds("soon") is None


@pytest.mark.parametrize(
    "url", ["http://localhost:1\r\nX: y/net.pth", "http://[::1/net.pth", "http://localhost:port/n"]
)
def test_url_that_is_none_is_an_error_of_the_fetch(url):
    """What cannot be asked for is told like what cannot be reached."""
    with pytest.raises((FetchError, ValueError)):
        get(url)
