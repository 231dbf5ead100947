"""Planted personal data of every kind, in Chinese and English, beside decoys that must stay."""

from __future__ import annotations

import datetime
import itertools
import random
import re
import string
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.data import Span, curate, find, redacted
from catenary.data.personal_data import ALL_KINDS, luhn
from catenary.errors import InvalidInput

SAY_ZH = [
    "请记下{}谢谢",
    "我的号是{}，请回复",
    "（{}）",
    "联系{}即可。",
    "{}",
    "收到请回：{}！",
    "他说{}是他的",
    "见《{}》",
]
SAY_EN = [
    "Please use {} from now on.",
    "it is {}, thanks",
    "({})",
    "{}",
    "Mine: {}!",
    "write '{}' here",
    "see {}; then go",
]
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
PROVINCES = ("11", "31", "44", "51", "65", "33", "42")


def digits(random_: random.Random, count: int) -> str:
    return "".join(random_.choice("0123456789") for _ in range(count))


def id_number(r: random.Random) -> str:
    day = datetime.date(1940, 1, 1) + datetime.timedelta(days=r.randrange(25_000))
    body = r.choice(PROVINCES) + digits(r, 4) + day.strftime("%Y%m%d") + digits(r, 3)
    check = "10X98765432"[sum(w * int(d) for w, d in zip(WEIGHTS, body, strict=True)) % 11]
    return body + (check if r.random() < 0.9 else check.lower())


def old_id_number(r: random.Random) -> str:
    day = datetime.date(1940, 1, 1) + datetime.timedelta(days=r.randrange(20_000))
    return r.choice(PROVINCES) + digits(r, 4) + day.strftime("%y%m%d") + digits(r, 3)


def bad_id_number(r: random.Random) -> str:
    good = id_number(r).upper()
    return good[:17] + r.choice([c for c in "0123456789X" if c != good[17]])


def card(r: random.Random, valid: bool = True) -> str:
    prefix, length = r.choice(
        [("62", 19), ("62", 16), ("4", 16), ("5" + r.choice("12345"), 16), ("6222", 19), ("37", 15)]
    )
    body = prefix + digits(r, length - len(prefix) - 1)
    check = next(c for c in "0123456789" if luhn(body + c))
    number = body + (check if valid else r.choice([c for c in "0123456789" if c != check]))
    if length == 16 and r.random() < 0.4:
        return r.choice(" -").join(number[at : at + 4] for at in range(0, 16, 4))
    return number


def mobile(r: random.Random) -> str:
    number = "1" + r.choice("3456789") + digits(r, 9)
    form = r.randrange(5)
    if form == 1:
        number = f"{number[:3]}-{number[3:7]}-{number[7:]}"
    elif form == 2:
        number = f"{number[:3]} {number[3:7]} {number[7:]}"
    return r.choice(["", "", "", "+86", "+86 ", "86-", "0086"]) + number if form < 4 else f"(+86){number}"


def fixed_line(r: random.Random) -> str:
    area, length = r.choice([("010", 8), ("021", 8), ("0755", 8), ("0571", 8), ("0991", 7), ("028", 8)])
    local = r.choice("2345678") + digits(r, length - 1)
    return r.choice(
        [
            f"{area}-{local}",
            f"({area}){local}",
            f"{area}{local}",
            f"{area} {local}",
            f"{area}-{local}-{digits(r, 3)}",
        ]
    )


def foreign_phone(r: random.Random) -> str:
    return r.choice(
        [
            f"+1 ({r.randrange(201, 990)}) {r.randrange(200, 999)}-{digits(r, 4)}",
            f"+44 20 7{digits(r, 3)} {digits(r, 4)}",
            f"+49 151 {digits(r, 8)}",
            f"+81-90-{digits(r, 4)}-{digits(r, 4)}",
            f"+33 6 {digits(r, 2)} {digits(r, 2)} {digits(r, 2)} {digits(r, 2)}",
            f"+8529{digits(r, 7)}",
            f"{r.randrange(201, 990)}-{r.randrange(200, 999)}-{digits(r, 4)}",
            f"({r.randrange(201, 990)}) {r.randrange(200, 999)}-{digits(r, 4)}",
        ]
    )


def email(r: random.Random) -> str:
    name = "".join(r.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(r.randrange(2, 12)))
    name = r.choice([name, f"{name}.w", f"{name}_01", f"{name}+list", f"x-{name}"])
    return (
        f"{name}@{r.choice(['qq.com', '163.com', 'mail.example.org', 'pku.edu.cn', 'a-b.co.uk', 'foo.io'])}"
    )


def ip(r: random.Random) -> str:
    if r.random() < 0.2:
        return "2001:db8:" + ":".join(f"{r.randrange(1, 65535):x}" for _ in range(6))
    return f"{r.randrange(1, 120)}.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)}"


def iban(r: random.Random) -> str:
    country, length = r.choice([("DE", 18), ("FR", 23), ("GB", 18), ("ES", 20), ("NO", 11)])
    body = digits(r, length) if country != "GB" else "BARC" + digits(r, 14)
    told = "".join(str(int(one, 36)) for one in f"{body}{country}00")
    number = f"{country}{98 - int(told) % 97:02d}{body}"
    if r.random() < 0.5:
        return " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return number


def plate(r: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    head = r.choice("京沪粤浙苏鲁川渝鄂藏") + r.choice(letters) + r.choice(["", "·", " "])
    return head + r.choice(
        [
            digits(r, 5),
            f"{r.choice(letters)}{digits(r, 4)}",
            f"{digits(r, 2)}{r.choice(letters)}{digits(r, 2)}",
            f"D{digits(r, 5)}",
            f"{digits(r, 5)}F",
            f"{digits(r, 4)}学",
        ]
    )


def passport(r: random.Random) -> str:
    return r.choice(["E", "G"]) + digits(r, 8) if r.random() < 0.7 else f"E{r.choice('ABCD')}{digits(r, 7)}"


def secret(r: random.Random) -> str:
    def some(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(r.choice(alphabet) for _ in range(count))

    return r.choice(
        [
            "AKIA" + some(16, string.ascii_uppercase + string.digits),
            "ghp_" + some(36),
            "sk-proj-" + some(40),
            "AIza" + some(35),
            "glpat-" + some(20),
            "hf_" + some(34),
            "LTAI" + some(16),
            f"eyJ{some(20)}.eyJ{some(40)}.{some(30)}",
            f"-----BEGIN RSA PRIVATE KEY-----\n{some(64)}\n{some(64)}\n-----END RSA PRIVATE KEY-----",
        ]
    )


PLANTS: dict[str, list[Callable[[random.Random], str]]] = {
    "id_number": [id_number, old_id_number],
    "bank_card": [card],
    "phone": [mobile, fixed_line, foreign_phone],
    "email": [email],
    "ip": [ip],
    "iban": [iban],
    "plate": [plate],
    "passport": [passport],
    "secret": [secret],
}

DECOYS: dict[str, Callable[[random.Random], str]] = {
    "bad id": bad_id_number,
    "bad card": lambda r: card(r, valid=False),
    "price": lambda r: f"{r.choice('¥$￥')}{r.randrange(10, 99_999_999)}.{digits(r, 2)}",
    "price in words": lambda r: f"{r.randrange(1, 99_999)}.{digits(r, 2)}元",
    "order": lambda r: f"订单号{r.randrange(2015, 2025)}{digits(r, r.choice([6, 8, 13]))}",
    "order of eleven": lambda r: (
        f"订单编号：{mobile(random.Random(r.random()))[-11:].replace('-', '1').replace(' ', '1')}"
    ),
    "date": lambda r: r.choice(
        ["2008-10-25", "2008年10月25日", "2008/10/25 12:30:45", "20081025", "2008.10.25-11.03"]
    ),
    "time": lambda r: f"{r.randrange(24)}:{r.randrange(10, 60)}:{r.randrange(10, 60)}",
    "decimal": lambda r: f"3.14159265358979{digits(r, 3)}",
    "version": lambda r: f"版本{r.randrange(9)}.{r.randrange(9)}.{r.randrange(9)}.{r.randrange(99)}",
    "version v": lambda r: f"v{r.randrange(9)}.{r.randrange(9)}.{r.randrange(9)}.{r.randrange(99)}",
    "not octets": lambda r: f"{r.randrange(256, 999)}.{r.randrange(256)}.1.1",
    "local address": lambda r: "127.0.0.1",
    "model": lambda r: f"ThinkPad{digits(r, 8)}",
    "hash": lambda r: "".join(r.choice("0123456789abcdef") for _ in range(40)),
    "long code": lambda r: digits(r, 24),
    "no host": lambda r: f"user{digits(r, 2)}@localhost",
    "mention": lambda r: f"@user{digits(r, 9)}",
    "retina image": lambda r: f"logo{digits(r, 2)}@2x.png",
    "isbn": lambda r: f"ISBN 978-7-{digits(r, 3)}-{digits(r, 5)}-{digits(r, 1)}",
    "bad iban": lambda r: re.sub("^(..)..", r"\g<1>00", iban(r).replace(" ", "")),
    "model with a letter": lambda r: f"型号{r.choice('EG')}{digits(r, 8)}",
    "letters and digits": lambda r: f"{r.choice('ABFHKM')}{digits(r, 8)}",
    "province and company": lambda r: f"京A{r.choice(['股', '类', '级'])}{digits(r, 2)}",
    "highway": lambda r: f"粤S{digits(r, 3)}省道",
    "no password": lambda r: r.choice(
        ["密码是什么", "password: ********", "token: none", "密码：请询问前台"]
    ),
    "amount": lambda r: f"{r.randrange(1, 9)}{digits(r, 10)}元",
}


def planted(
    kind_of: Callable[[random.Random], str], says: list[str], count: int, seed: str
) -> list[tuple[str, str]]:
    r = random.Random(seed)
    return [(value := kind_of(r), r.choice(says).replace("{}", value)) for _ in range(count)]


@pytest.mark.parametrize("says", [SAY_ZH, SAY_EN], ids=["zh", "en"])
@pytest.mark.parametrize(
    ("kind", "maker"), [(kind, maker) for kind, makers in PLANTS.items() for maker in makers]
)
def test_planted_personal_data_is_found_whole(
    kind: str, maker: Callable[[random.Random], str], says: list[str]
) -> None:
    cases = planted(maker, says, 400, f"{kind}{maker.__name__}{len(says)}")
    missed = [
        (text, find(text))
        for value, text in cases
        if [(span.kind, text[span.start : span.end]) for span in find(text)] != [(kind, value)]
    ]
    assert len(missed) <= 0.02 * len(cases), missed[:5]


@pytest.mark.parametrize("says", [SAY_ZH[:6], SAY_EN], ids=["zh", "en"])
@pytest.mark.parametrize("decoy", DECOYS)
def test_decoys_stay(decoy: str, says: list[str]) -> None:
    cases = planted(DECOYS[decoy], says, 200, decoy)
    touched = [(text, find(text)) for _, text in cases if find(text)]
    assert len(touched) <= 0.02 * len(cases), touched[:5]


def test_several_in_one_text() -> None:
    text = "张三13812345678/13987654321，身份证11010519491231002X，卡6222021234567890128，邮箱a@b.cn；"
    assert [span.kind for span in find(text)] == ["phone", "phone", "id_number", "bank_card", "email"]
    assert [span.kind for span in find(text, ["email"])] == ["email"]


def test_full_width_digits() -> None:
    assert redacted("打１３８１２３４５６７８吧", find("打１３８１２３４５６７８吧")) == "打[PHONE]吧"


def test_a_part_of_another_kind_is_not_taken() -> None:
    assert find("4111 1111 1111 1111", ["phone"]) == []


def test_the_step_counts_and_replaces() -> None:
    texts = ["电话13812345678", "a@b.cn 和 c@d.cn", "没有"]
    done = curate(texts, [{"redact": ["phone", "email"]}])
    assert [document.text for document in done.documents] == ["电话[PHONE]", "[EMAIL] 和 [EMAIL]", "没有"]
    assert done.report.personal_data == {"email": 2, "phone": 1}
    masked = curate(texts, [{"redact": {"replace": "mask"}}])
    assert [document.text for document in masked.documents] == ["电话***********", "*@*.** 和 *@*.**", "没有"]


def test_a_password_that_is_said_goes_and_its_name_stays() -> None:
    for text, clean in (
        ("wifi密码：abc12345，欢迎", "wifi密码：[SECRET]，欢迎"),
        ('{"password": "hunter2!x", "a": 1}', '{"password": "[SECRET]", "a": 1}'),
        ("api_key=9f8e7d6c5b4a please", "api_key=[SECRET] please"),
    ):
        assert redacted(text, find(text)) == clean


def test_addresses_of_the_web_only_when_asked_for() -> None:
    text = "见https://example.com/u?id=13812345678，谢谢"
    assert [span.kind for span in find(text)] == ["phone"]
    assert redacted(text, find(text, ["url", "phone"])) == "见[URL]，谢谢"


def test_pseudonyms_and_substitutes_are_the_same_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "电话13812345678",
        "再打138-1234-5678",
        "或13812345679",
        "卡6222021234567890128",
        "邮箱a.b@qq.com",
    ]
    monkeypatch.setenv("KEY_OF_TEST", "0123456789abcdef")

    def told(how: str, key: str = "env:KEY_OF_TEST") -> list[str]:
        return [one.text for one in curate(texts, [{"redact": {"replace": how, "key": key}}]).documents]

    one = told("pseudonym")
    name = re.fullmatch(r"电话(\[PHONE_[0-9a-f]{8}\])", one[0])
    assert name
    assert name[1] in one[1]
    assert name[1] not in one[2]
    assert told("pseudonym") == one
    substituted = told("substitute")
    assert [re.sub("[a-z]", "x", re.sub("[0-9]", "0", text)) for text in substituted] == [
        re.sub("[a-z]", "x", re.sub("[0-9]", "0", text)) for text in texts
    ]
    assert [span.kind for span in find(substituted[3])] == ["bank_card"]
    assert not set(substituted) & set(texts)
    monkeypatch.setenv("KEY_OF_TEST", "another key, as long")
    assert told("pseudonym") != one
    with pytest.raises(InvalidInput, match="not in the environment"):
        told("pseudonym", "env:NO_SUCH_KEY")
    with pytest.raises(InvalidInput, match="take a key"):
        curate(texts, [{"redact": {"replace": "pseudonym"}}])


def names(texts: Sequence[str]) -> list[list[Span]]:
    return [[Span("name", m.start(), m.end()) for m in re.finditer("张三|李四", text)] for text in texts]


def test_names_come_from_a_tagger() -> None:
    steps = [{"redact": ["name", "phone"]}]
    done = curate(["张三的电话13812345678", "李四不在", "没有"], steps, helpers={"tagger": names})
    assert [one.text for one in done.documents] == ["[NAME]的电话[PHONE]", "[NAME]不在", "没有"]
    with pytest.raises(InvalidInput, match="none was given"):
        curate(["张三"], steps)


fragments = st.lists(
    st.sampled_from(
        [
            "138",
            "12345678",
            "@",
            "qq.com",
            " ",
            "-",
            "+86",
            "(",
            ")",
            "0",
            "10",
            "中",
            ":",
            ".",
            "X",
            "2001:db8::1",
        ]
    )
    | st.text(max_size=3),
    max_size=20,
).map("".join)


@given(fragments)
@settings(max_examples=300, deadline=None)
def test_spans_are_in_order_and_redaction_is_final(text: str) -> None:
    spans = find(text)
    assert all(0 <= span.start < span.end <= len(text) and span.kind in ALL_KINDS for span in spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))
    clean = redacted(text, spans)
    outside = [
        text[a:b]
        for a, b in zip([0, *(s.end for s in spans)], [*(s.start for s in spans), len(text)], strict=True)
    ]
    assert all(piece in clean for piece in outside)
