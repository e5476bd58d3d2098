"""Hidden waves: working memory that travels, its boundaries, and its recovery."""
