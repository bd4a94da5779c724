"""How mail systems tell of time, of who said what and when: words that are no reason, but stand beside one.

The reasons themselves are the rules' (``rules.toml``).
"""

import re

from mailsvc.domain.reply import Stage

#: A mail was given up because its time was over.
EXPIRED = re.compile(
    r"(?:message|delivery|retry|queue)\w* (?:time )?(?:expired|timed? ?out|too old|limit (?:exceeded|reached))"
    r"|too long in (?:the )?queue|in (?:the )?(?:queue|mail server) too long"
    r"|retry time(?:out)? (?:exceeded|not reached)|(?:maximum|max) (?:queue|retry|retries|delivery)"
    r"|not (?:been )?(?:collected|delivered) (?:with)?in|could not be delivered (?:for|within|in) (?:more than )?\d+"
    r"|unable to deliver (?:this |the |your )?\w* ?after|after (?:trying )?(?:for )?\d+ (?:days?|hours?|tries|attempts)"
    r"|(?:gave|giving) up after|delivery time expired|undeliverable (?:to|for) .{0,80} after",
    re.IGNORECASE,
)
#: It is still being tried.
DELAYED = re.compile(
    r"will (?:continue to |be |keep )?(?:retry|try|trying|attempt)|has not (?:yet )?been (?:delivered|collected)|"
    r"warning[: ].{0,40}(?:delay|still)|"
    r"delivery (?:has been |is |was )?(?:delayed|temporarily (?:suspended|deferred))|"
    r"you do not need to (?:resend|take any)|"
    r"no action is required|still trying|遅延",
    re.IGNORECASE,
)
#: The command that drew a reply.
STAGE = re.compile(
    r"\b(?:in reply to|in response to|after|while sending|during)\s+(?:the\s+)?(?:end of )?"
    r"(RCPT|MAIL|DATA|EHLO|HELO|dot)\b|>>> ?(RCPT|MAIL|DATA)\b|"
    r"(end of data|end of message|RCPT TO|MAIL FROM)(?: command|:|>|\b)",
    re.IGNORECASE,
)
#: Its words, as stages.
STAGES = {
    "rcpt": Stage.RCPT,
    "mail": Stage.MAIL,
    "data": Stage.DATA,
    "ehlo": Stage.EHLO,
    "helo": Stage.EHLO,
    "dot": Stage.DOT,
}
#: What stands before the words of the other side.
SAID = re.compile(r"(?:said|says|responded|response|replied|server|error)[^:]{0,40}:\s*", re.IGNORECASE)
#: A reply inside a text.
REPLY = re.compile(r"(?<![\w.-])[45]\d\d[ -](?:#?[45]\.\d{1,3}\.\d{1,3})?.{3,}", re.DOTALL)
#: The name of who said it.
HOST = re.compile(r"\bhost\s+([\w-]+(?:\.[\w-]+)+)", re.IGNORECASE)
#: Subjects of machines that answer.
AUTO = re.compile(
    r"out of (?:the )?office|auto(?:matic)?[- ]?(?:re(?:ply|sponse)|answer)|vacation|away from|on holiday|"
    r"自動(?:返信|応答)|不在|"
    r"abwesen|absence|ausente|自动回复|respuesta autom",
    re.IGNORECASE,
)
