"""Wire layouts: pure translations between Examples and records, and the bytes around them."""
