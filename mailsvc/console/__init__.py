"""The pages for operators at ``/console`` (CONTRACT 3.7): server-rendered, in Japanese and English."""
