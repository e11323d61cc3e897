"""What the end-to-end tests are written with: real servers, the real program, processes that never outlive a test."""
