"""URLs: what of them may be shown, and which are of one server."""

import pytest

from dapi import File, WeightEntry
from dapi._text.urls import origin, split_userinfo
from dapi.catalog import redact, redacted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.org/x/n.pth", "https://a.org/x/n.pth"),
        ("https://me:s3cret@a.org:8443/n.pth", "https://a.org:8443/n.pth"),
        ("https://s3cret@a.org/n.pth", "https://a.org/n.pth"),
        ("https://me:s3cret@[::1]:8443/n.pth", "https://[::1]:8443/n.pth"),
        ("https://a.org/n.pth?X-Amz-Signature=s3cret&v=1", "https://a.org/n.pth?***"),
        ("https://a.org/n.pth#s3cret", "https://a.org/n.pth?***"),
        ("https://me:s3@cret@a.org/n.pth", "https://a.org/n.pth"),
        ("https://me:s3/cret@a.org/n.pth", "https://a.org/n.pth"),
        ("https://me:s3#cret@a.org:1/n.pth?x", "https://a.org:1/n.pth?***"),
        ("https://me:s3?cret@a.org/n.pth", "https://a.org/n.pth"),
        ("https://me:s3@cret/s3cret@a.org/n.pth", "https://a.org/n.pth"),
        ("https://me:s3@cret?s3cret@a.org/n.pth", "https://a.org/n.pth"),
        ("https://me:s3cret", "https://me"),
        ("https://a.org/\x1b[2Jn.pth", "https://a.org/[2Jn.pth"),
        ("hf://owner/name@main/n.pth", "hf://owner/name@main/n.pth"),
        ("s3://key:s3cret@bucket/n.pth", "s3://bucket/n.pth"),
        ("package:acme/n.pth#acme-models", "package:acme/n.pth#acme-models"),
        ("file:///home/me/n.pth", "file:///home/me/n.pth"),
        ("https://a.org/@scope/n@1/n.pth", "https://a.org/@scope/n@1/n.pth"),
        ("", ""),
    ],
)
def test_url_is_shown_without_its_secrets(url, shown):
    """Scheme, host, port and path; where a password ends is guessed to the safe side."""
    assert shown == redacted(url) == redacted(shown) == redact(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Tried https://a.org/x?sig=1: refused.", "Tried https://a.org/x?***: refused."),
        ("('https://me:pw@a.org/x', 1)", "('https://a.org/x', 1)"),
        ("DAPI_MIRROR=https://me:pw@a.org/x", "DAPI_MIRROR=https://a.org/x"),
        ("https://a.org/x?y, https://b.org", "https://a.org/x?***, https://b.org"),
        ("two lines\nof text: a://b", "two lines\nof text: a://b"),
        ("no URL?x=1", "no URL?x=1"),
    ],
)
def test_every_url_of_a_text_is_redacted(text, shown):
    """The text around them stays, and a second time changes nothing."""
    assert shown == redact(text) == redact(shown)


def test_entries_and_files_show_no_secret():
    """Neither as text nor as a representation; the URL itself is as it was given."""
    url = "https://me:s3cret@a.org/n.pth?sig=s3cret"
    file, entry = File(url, mirrors=(url,)), WeightEntry(url, mirrors=(url,))

    assert "s3cret" not in f"{file} {file!r} {entry} {entry!r}"
    assert (url, url) == (file.url, entry.url)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://a.org/x", "https://me:pw@A.org:443/y", True),
        ("http://a.org", "http://a.org:80/", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "https://a.org:8443/x", False),
        ("https://a.org/x", "https://b.a.org/x", False),
        ("https://a.org@b.org/x", "https://b.org/x", True),
        ("https://a.org?@b.org/x", "https://a.org/", True),
        ("s3://bucket/x", "s3://bucket/y", True),
        ("s3://bucket/x", "gs://bucket/x", False),
    ],
)
def test_origin_is_scheme_host_and_port(one, other, is_same):
    """However a URL writes them."""
    assert is_same == (origin(one) == origin(other))


def test_userinfo_is_split_off():
    """What stands before the last @ of the host, and nothing of the path."""
    assert ("https://a.org/@x", "me:p@w") == split_userinfo("https://me:p@w@a.org/@x")
    assert ("package:a/b@c", "") == split_userinfo("package:a/b@c")


@pytest.mark.parametrize(
    ("fragment", "is_kept"),
    [
        ("issuecomment-1013906621", True),
        ("mobilenetv3-large--small", True),
        ("fcn_resnet101", True),
        ("access_token=s3cret", False),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln", False),
        ("Kjh2_s8dK-kd82kDk3", False),
        ("deadbeefcafe0123deadbeefcafe0123", False),
    ],
)
def test_only_places_in_a_page_are_anchors(fragment, is_kept):
    """Some hosts put a token, or the key of an encrypted file, behind the # of a link."""
    url = f"https://example.org/page#{fragment}"

    assert "https://example.org/page?***" == redacted(url)
    assert (url if is_kept else "https://example.org/page?***") == redacted(url, anchors=True)
