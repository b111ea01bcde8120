"""Events as the triggers of the cloud send them: `templates/KIND.json` has the facts, `kinds` reads
them, `filling` makes an event of them, `cbor` the bytes of the one that is binary, `requests` that
of an HTTP request."""
