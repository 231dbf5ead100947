"""Words that say little by themselves, in English and Chinese."""

from __future__ import annotations

# What running text holds: Gopher's eight for English, and as frequent ones for Chinese, simplified and traditional.
_GOPHER = "the be to of and that have with"
_RUNNING = "的 了 是 在 不 我 有 和 就 也 都 人 这 這 他 很 要 到 说 說 与 與 为 為 而 之 其 以 于 於"
# What a classical model may do without.
_ENGLISH = """a an and are as at be been but by for from had has have he her his i if in is it its me my of on or our
she so that the their them then there they this to was we were what when which who will with would you your"""
_CHINESE = """的 了 是 在 我 你 他 她 它 们 我们 你们 他们 她们 和 与 就 都 也 很 有 这 那 这个 那个 个 之 及 而 但 但是
或 被 把 给 让 对 从 到 向 啊 吧 呢 吗 哦 着 过 得 地 所 以 于 其 等 说 会 要 去 上 下 里 一个 什么 这样 那样 因为
所以 如果"""
# What questions are asked with: they say nothing of what is asked for.
_ASKED_ENGLISH = """about after all also am any before being between can cannot could did do does don doesn isn done
during each few further get give having here him how into just let like made make many may me might more most much must
no nor not off one only other out over own please same shall should some such s t take tell than these thing things
those through too under until up use used using uses very want wants way where while whom whose why without
work works"""
_ASKED_CHINESE = """几个 几种 多久 多大 多长 哪种 要用 各是
一 一下 一种 不 中 为 为什么 为何 些 人 介绍 何 何处 何时 使用 做 再 几 则 前 又 只 可以
可否 后 告诉 哪 哪个 哪些 哪儿 哪里 多少 好 如何 并 应 应该 怎么 怎么样 怎样 想 想要 才
才能 时 时候 是否 更 最 有何 来 此 没有 用 由 看 知道 种 能 能否 能够 自己 若 该 请 请问
谁 还 这些 进行 通过 那些 需要"""

RUNNING_TEXT = frozenset(_GOPHER.split())
RUNNING_CHINESE = frozenset(_RUNNING.split())
LITTLE_SAID = frozenset(
    (*_ENGLISH.split(), *_CHINESE.split())
)  # not and 不 are none: they turn a review around
ASKED_WITH = frozenset((*_ASKED_ENGLISH.split(), *_ASKED_CHINESE.split()))
