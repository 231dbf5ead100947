"""Seeds of keyword lists, Chinese and English: what a team begins with, and adds its own words to."""

from __future__ import annotations

LISTS: dict[str, tuple[str, ...]] = {
    "abuse": (
        "傻逼", "煞笔", "操你妈", "草泥马", "狗娘养的", "王八蛋", "婊子", "去死吧", "脑残", "滚你妈", "贱人",
        "fuck", "fucking", "motherfucker", "asshole", "bitch", "cunt", "retard", "shithead",
    ),
    "sexual": (
        "色情", "黄片", "裸聊", "约炮", "成人电影", "援交", "一夜情", "av女优",
        "porn", "pornhub", "xxx video", "hentai", "escort service", "nude pics", "camgirl",
    ),
    "gambling": (
        "博彩", "赌场", "百家乐", "时时彩", "六合彩", "赌球", "菠菜网", "澳门新葡京", "真人娱乐城",
        "online casino", "sports betting", "slot machine bonus", "free spins",
    ),
    "fraud": (
        "代开发票", "办证刻章", "刷单返利", "兼职日结", "无抵押贷款", "信用卡套现", "稳赚不赔", "内幕股票",
        "wire transfer fee", "work from home and earn", "nigerian prince", "double your bitcoin",
    ),
    "drugs": (
        "冰毒", "海洛因", "摇头丸", "k粉", "大麻种子", "迷魂药", "迷药货到付款",
        "buy cocaine", "buy heroin", "crystal meth", "buy viagra", "mdma for sale",
    ),
    "violence": (
        "枪支出售", "炸弹制作", "制造炸药", "买凶杀人", "自制枪",
        "how to make a bomb", "bomb making", "mass shooting manifesto", "hire a hitman",
    ),
}  # fmt: skip
