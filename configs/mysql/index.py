"""One database connection per instance: opened by the Initializer, closed by PreStop.

The handler stores the event's name and answers with the stored row:

    {"name": "world"}  ->  {"backend": "mysql", "id": 1, "name": "world", "rows": 1}

DB_BACKEND chooses mysql (PyMySQL; MYSQL_HOST, MYSQL_PORT, MYSQL_USER, MYSQL_PASSWORD,
MYSQL_DBNAME) or sqlite (SQLITE_PATH), which needs no server.
"""

import json
import logging
import os

connection = None


class Mysql(object):
    placeholder = "%s"
    create = (
        "CREATE TABLE IF NOT EXISTS visitors"
        " (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100) NOT NULL)"
        " CHARACTER SET utf8mb4"  # Servers before MySQL 8 and MariaDB 11.6 default to latin1.
    )

    def __init__(self):
        self.raw = self.connect()

    def connect(self):
        import pymysql  # Here, because sqlite runs without it.

        return pymysql.connect(
            host=os.environ["MYSQL_HOST"],
            port=int(os.environ["MYSQL_PORT"]),
            user=os.environ["MYSQL_USER"],
            password=os.environ["MYSQL_PASSWORD"],
            database=os.environ["MYSQL_DBNAME"],
            charset="utf8mb4",
            connect_timeout=5,
        )

    def check(self):
        """Connects again if the server has closed the connection, as it does after long idling."""
        try:
            self.raw.ping(reconnect=False)
        except Exception:
            logging.getLogger().warning("connection lost, connecting again")
            self.raw = self.connect()


class Sqlite(object):
    placeholder = "?"
    create = (
        "CREATE TABLE IF NOT EXISTS visitors"
        " (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(100) NOT NULL)"
    )

    def __init__(self):
        import sqlite3

        path = os.environ.get("SQLITE_PATH", ":memory:")
        self.raw = sqlite3.connect(path, check_same_thread=False)

    def check(self):
        self.raw.execute("SELECT 1")


def initialize(context):
    """Connects and tests the connection: an instance that cannot reach its database fails here."""
    global connection
    backend = os.environ.get("DB_BACKEND", "mysql")
    opened = Sqlite() if backend == "sqlite" else Mysql()
    cursor = opened.raw.cursor()
    try:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,), "the database did not answer SELECT 1"
        cursor.execute(opened.create)
        opened.raw.commit()
    except Exception:
        opened.raw.close()
        raise
    finally:
        cursor.close()
    connection = opened
    logging.getLogger().info("connected to %s", backend)


def handler(event, context):
    name = json.loads(event or b"{}").get("name", "nobody")
    connection.check()
    cursor = connection.raw.cursor()
    try:
        mark = connection.placeholder
        cursor.execute("INSERT INTO visitors (name) VALUES ({})".format(mark), (name,))
        row_id = cursor.lastrowid
        connection.raw.commit()
        cursor.execute("SELECT id, name FROM visitors WHERE id = {}".format(mark), (row_id,))
        row_id, name = cursor.fetchone()
        cursor.execute("SELECT COUNT(*) FROM visitors")
        (rows,) = cursor.fetchone()
    finally:
        cursor.close()
    backend = type(connection).__name__.lower()
    return {"backend": backend, "id": row_id, "name": name, "rows": rows}


def pre_stop(context):
    global connection
    if connection is not None:
        connection.raw.close()
        connection = None
    logging.getLogger().info("connection closed")
