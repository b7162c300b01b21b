"""Text that may be printed: what files and peers say of themselves cannot steer a terminal. Pure."""


def plain(text: str) -> str:
    """Write out what is not printable, line ends apart, and what is no Unicode: a file name may be neither."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )
