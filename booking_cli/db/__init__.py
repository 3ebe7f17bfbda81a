"""The database: connections, transactions with retry, named queries, migrations, roles and servers."""
