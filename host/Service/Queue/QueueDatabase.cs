using KdPlugins.Torch;
using Microsoft.Data.Sqlite;

namespace KdPlugins.Host.Service.Queue;

/// <summary>
/// The queue's SQLite file: opened, checked, and where it is damaged put aside. Readers do not wait for the writer (WAL);
/// what was written is on disk when the call returns.
/// </summary>
internal sealed class QueueDatabase(string path, TimeProvider clock)
{
    private const string Schema = """
        create table if not exists job (
          number integer primary key autoincrement, id text not null unique, name text not null, state text not null,
          priority integer not null, submitted integer not null, not_before integer, started integer, ended integer,
          attempts integer not null default 0, failures integer not null default 0, ran real not null default 0,
          time_limit real not null default 0, device text, plugin_set text, exit_code integer,
          message text not null default '', source text not null, cancel integer not null default 0);
        create index if not exists job_next on job(state, priority desc, number);
        """;

    // What each column holds; '?' where it may hold nothing.
    private static readonly Dictionary<string, string> Columns = new()
    {
        ["number"] = "integer",
        ["id"] = "text",
        ["name"] = "text",
        ["state"] = "text",
        ["priority"] = "integer",
        ["submitted"] = "integer",
        ["not_before"] = "integer?",
        ["started"] = "integer?",
        ["ended"] = "integer?",
        ["attempts"] = "integer",
        ["failures"] = "integer",
        ["ran"] = "real",
        ["time_limit"] = "real",
        ["device"] = "text?",
        ["plugin_set"] = "text?",
        ["exit_code"] = "integer?",
        ["message"] = "text",
        ["source"] = "text",
        ["cancel"] = "integer",
    };

    private readonly string _connection = new SqliteConnectionStringBuilder
    {
        DataSource = path,
        DefaultTimeout = 5,
        Pooling = true,
    }.ToString();

    /// <summary>Makes or checks the file. True where it was damaged and a new one was begun.</summary>
    /// <exception cref="KdException"><c>KDP0905</c>: it cannot be used.</exception>
    internal bool Prepare()
    {
        var (fresh, why) = (!File.Exists(path), "");
        try
        {
            if (IsSound(out why))
            {
                CreateSchema();
                return fresh;
            }
        }
        catch (SqliteException e) when (IsDamage(e))
        {
            why = e.Message;
        }
        catch (SqliteException e)
        {
            throw Unavailable(e);
        }
        PutAside();
        CreateSchema();
        Damage = why;
        return true;
    }

    /// <summary>What was wrong with the file that was put aside; null for nothing.</summary>
    internal string? Damage { get; private set; }

    /// <summary>Where the damaged file went; null for nowhere.</summary>
    internal string? Backup { get; private set; }

    /// <summary>Works with a connection. SQLite's failures come as KDP0905.</summary>
    internal T With<T>(Func<SqliteConnection, T> work)
    {
        try
        {
            using var connection = Open();
            return work(connection);
        }
        catch (SqliteException e)
        {
            throw Unavailable(e);
        }
    }

    /// <summary>Works in a transaction that holds the write lock from its beginning.</summary>
    internal T Write<T>(Func<SqliteConnection, T> work) =>
        With(connection =>
        {
            using var transaction = connection.BeginTransaction(deferred: false);
            var result = work(connection);
            transaction.Commit();
            return result;
        });

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connection);
        connection.Open();
        Execute(connection, "pragma synchronous = full");
        return connection;
    }

    private bool IsSound(out string why)
    {
        using var connection = Open();
        Execute(connection, "pragma journal_mode = wal");
        using var command = connection.CreateCommand();
        command.CommandText = "pragma quick_check(1)";
        why = (string?)command.ExecuteScalar() ?? "";
        if (why == "ok")
            why = Strange(connection) ?? why;
        return why == "ok";
    }

    // Of another program or release, or changed by hand: what lies in the runs' folders is to be relied on, this is not.
    private static string? Strange(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from sqlite_master where type = 'table' and name = 'job'";
        if ((long)command.ExecuteScalar()! == 0)
            return null;
        command.CommandText =
            "select group_concat(name, ' ') from (select name from pragma_table_info('job') order by name)";
        var columns = command.ExecuteScalar() as string;
        var own = string.Join(' ', Columns.Keys.Order(StringComparer.Ordinal));
        if (columns != own)
            return $"its table has the columns {columns}";
        var wrong = Columns.Select(c =>
            c.Value.EndsWith('?')
                ? $"typeof({c.Key}) not in ('null', '{c.Value.TrimEnd('?')}')"
                : $"typeof({c.Key}) <> '{c.Value}'"
        );
        var states = string.Join(", ", Enum.GetNames<JobState>().Select(s => $"'{s}'"));
        command.CommandText =
            $"select id from job where {string.Join(" or ", wrong)} or state not in ({states}) limit 1";
        return command.ExecuteScalar() is { } row
            ? $"the row of '{SafeText.Line($"{row}")}' holds what no run has"
            : null;
    }

    private void CreateSchema() =>
        With(connection =>
        {
            Execute(connection, "pragma journal_mode = wal");
            return Execute(connection, Schema);
        });

    private void PutAside()
    {
        SqliteConnection.ClearAllPools();
        Backup = $"{path}.damaged-{clock.GetUtcNow():yyyyMMdd-HHmmss-fff}";
        File.Move(path, Backup);
        foreach (var suffix in (string[])["-wal", "-shm"])
            if (File.Exists(path + suffix))
                File.Move(path + suffix, Backup + suffix);
    }

    private static int Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }

    // SQLITE_CORRUPT, SQLITE_NOTADB.
    private static bool IsDamage(SqliteException e) => e.SqliteErrorCode is 11 or 26;

    private KdException Unavailable(SqliteException e) =>
        new(ServiceErrors.QueueUnavailable, $"'{path}': {e.Message.TrimEnd('.')}.", null, e);
}
