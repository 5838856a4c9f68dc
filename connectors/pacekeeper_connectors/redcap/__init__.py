"""REDCap projects over their API: client measures, and anonymous staff surveys."""

from pacekeeper_connectors.redcap.connector import Redcap, RedcapSettings

__all__ = ["Redcap", "RedcapSettings"]
