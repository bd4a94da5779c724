"""Which codes arrive within their life: the battery's stories, told to mailsvc and to Postfix side by side."""
