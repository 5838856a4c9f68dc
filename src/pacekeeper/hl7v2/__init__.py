"""HL7 v2 messages: files into messages, messages into segments and fields, timestamps into moments.

Nothing is split before it is asked for, so that reading ten fields of a message costs ten fields.
"""

from pacekeeper.hl7v2.charset import decode
from pacekeeper.hl7v2.escape import unescape
from pacekeeper.hl7v2.framing import FileMessage, messages_of
from pacekeeper.hl7v2.message import Field, Message, Segment, Separators, UnreadableError
from pacekeeper.hl7v2.moment import Moment, moment

__all__ = [
    "Field",
    "FileMessage",
    "Message",
    "Moment",
    "Segment",
    "Separators",
    "UnreadableError",
    "decode",
    "messages_of",
    "moment",
    "unescape",
]
