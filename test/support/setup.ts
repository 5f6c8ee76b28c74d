// Filled below: what must hold after each test (no open handle, no unhandled rejection).
