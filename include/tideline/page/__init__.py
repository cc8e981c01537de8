"""What the Streams page shows: pure view models, and the looks that fill them. No web framework is known here."""
