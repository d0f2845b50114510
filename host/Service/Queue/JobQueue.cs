using System.Security.Cryptography;
using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Queue;

/// <summary>
/// The durable queue of runs. Every change is on disk when its call returns; a change of state happens once, whoever asks
/// for it twice. Safe to use from several threads.
/// </summary>
internal sealed class JobQueue
{
    private readonly string _runs;
    private readonly QueueDatabase _database;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _maxBackOff;
    private readonly Lock _gate = new();

    private JobQueue(string runs, QueueDatabase database, TimeProvider clock, TimeSpan maxBackOff) =>
        (_runs, _database, _clock, _maxBackOff) = (runs, database, clock, maxBackOff);

    /// <summary>Called after every change of a job, with the job as it is then.</summary>
    internal event Action<Job>? Changed;

    /// <summary>Called with what those who are told of changes failed with, and where a run's folder could not be written.</summary>
    internal event Action<Job, Exception>? Troubled;

    /// <summary>What was wrong with the database that was put aside when the queue was opened; null for nothing.</summary>
    internal string? Repaired { get; private set; }

    /// <summary>
    /// Opens the queue of a data folder. A missing or damaged database is made anew from the runs' folders; the damaged
    /// one stays beside it. Runs that were at work when the last service ended are queued again.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0905</c>: the database cannot be used.</exception>
    internal static JobQueue Open(string data, TimeProvider clock, TimeSpan maxBackOff)
    {
        var runs = Path.Combine(data, "runs");
        Directory.CreateDirectory(runs);
        var database = new QueueDatabase(Path.Combine(data, "queue.db"), clock);
        var queue = new JobQueue(runs, database, clock, maxBackOff);
        if (database.Prepare())
            queue.Rebuild();
        if (database.Damage is { } damage)
            queue.Repaired = $"queue.db was damaged ({damage}); it is kept as {Path.GetFileName(database.Backup)}.";
        queue.AddUnlisted();
        queue.Recover();
        return queue;
    }

    /// <summary>The folder of a run.</summary>
    internal JobFolder Folder(string id) => JobFolder.Of(_runs, id);

    /// <summary>A new key; the id of a run that is submitted under it begins with it.</summary>
    internal string NewKey() =>
        $"{_clock.GetUtcNow():yyyyMMdd-HHmmss}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3))}";

    /// <summary>The run that was submitted under a key, by however much of it was done; null for none.</summary>
    internal Job? Submitted(string key)
    {
        // Ids have hyphens and letters behind the key; the full stop comes after the hyphen.
        (string, object?)[] range = [("$from", key + "-"), ("$to", key + ".")];
        if (_database.With(c => JobRows.Select(c, "where id > $from and id < $to", range)) is [var known])
            return known;
        // A folder whose row could not be written.
        return Folders($"{key}-*").Select(f => f.Job).FirstOrDefault() is { } job ? Told(Insert(job)) : null;
    }

    /// <summary>Queues a run. name: the recipe's own. The recipe has been read and found good.</summary>
    internal Job Submit(JobRequest request, string name, string? key = null)
    {
        var now = _clock.GetUtcNow();
        var id = $"{key ?? NewKey()}-{Shorten(name)}";
        var job = New(id, name, request, now);
        // The folder first: a run that only the database knew could not be had back if the database broke.
        Folder(id).Create(job, request);
        try
        {
            job = Insert(job);
        }
        catch
        {
            // Else the next start would find and run what was refused.
            Folder(id).Remove();
            throw;
        }
        // With its number, by which a database that is made anew keeps the order.
        Folder(id).Write(job, request);
        return Told(job);
    }

    /// <summary>The next run that may start, marked as running; null where none may.</summary>
    internal Job? TakeNext(string device)
    {
        var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        // A pause longer than any that is ever set comes from a clock that was moved: it does not hold.
        var far = now + (long)_maxBackOff.TotalMilliseconds + 1000;
        Job? taken;
        lock (_gate)
            taken = _database.Write(c =>
            {
                var found = JobRows.Select(
                    c,
                    """
                    where state = 'Queued' and cancel = 0 and (not_before is null or not_before <= $now or not_before > $far)
                    order by priority desc, number limit 1
                    """,
                    ("$now", now),
                    ("$far", far)
                );
                if (found is not [var job])
                    return null;
                job = job with
                {
                    State = JobState.Running,
                    Device = device,
                    Started = job.Started ?? _clock.GetUtcNow(),
                    NotBefore = null,
                    Attempts = job.Attempts + 1,
                    Message = "",
                };
                JobRows.Update(c, job);
                return job;
            });
        return taken is null ? null : Told(taken);
    }

    /// <summary>Changes a job in one transaction; null from the change leaves it. Gives the job as it is then.</summary>
    /// <exception cref="KdException"><c>KDP0903</c>: there is no such run.</exception>
    internal Job Change(string id, Func<Job, Job?> change)
    {
        Job before;
        Job? after;
        lock (_gate)
            (before, after) = _database.Write(c =>
            {
                var job = JobRows.Select(c, "where id = $id", ("$id", id)) is [var found] ? found : throw Missing(id);
                var changed = change(job);
                if (changed is not null)
                    JobRows.Update(c, changed);
                return (job, changed);
            });
        if (after is null)
            return before;
        // Done or not, it is what the database says: a folder that cannot be written just then holds nobody up.
        if (after.IsOver && !before.IsOver)
            Try(after, () => Record(after));
        return Told(after);
    }

    /// <summary>Takes a run back: a waiting one at once, a running one as soon as its worker has ended.</summary>
    /// <exception cref="KdException"><c>KDP0904</c>: it is over.</exception>
    internal Job Cancel(string id) =>
        Change(
            id,
            job =>
                job.State switch
                {
                    JobState.Queued => job with
                    {
                        State = JobState.Cancelled,
                        CancelRequested = true,
                        Ended = _clock.GetUtcNow(),
                        Message = "Cancelled.",
                    },
                    JobState.Running => job with { CancelRequested = true, Message = "Cancelling." },
                    _ => throw new KdException(
                        ServiceErrors.JobState,
                        $"Run '{id}' is {job.State.ToString().ToLowerInvariant()}."
                    ),
                }
        );

    /// <summary>What was asked for with a run.</summary>
    /// <exception cref="KdException"><c>KDP0903</c>: there is no such run; <c>KDP0904</c>: its folder is damaged.</exception>
    internal JobRequest RequestOf(string id) =>
        Folder(Get(id).Id).Read()?.Request
        ?? throw new KdException(ServiceErrors.JobState, $"The folder of run '{id}' cannot be read.");

    /// <summary>A run.</summary>
    /// <exception cref="KdException"><c>KDP0903</c>: there is no such run.</exception>
    internal Job Get(string id) =>
        _database.With(c => JobRows.Select(c, "where id = $id", ("$id", id)) is [var job] ? job : throw Missing(id));

    /// <summary>A page of runs, newest first.</summary>
    /// <param name="state">Only those; null for all.</param>
    /// <param name="search">Only those whose id or name has it; null for all.</param>
    /// <param name="before">Only those with a smaller number (a page's Next); null for the newest.</param>
    /// <param name="limit">1 to 500.</param>
    internal JobPage List(JobState? state, string? search, long? before, int limit) =>
        _database.With(c =>
        {
            var where = "where ($state is null or state = $state) and ($search is null or id like $search escape '\\')";
            (string, object?)[] values = [("$state", state?.ToString()), ("$search", Like(search))];
            var total = JobRows.Count(c, where, values);
            var rows = JobRows.Select(
                c,
                $"{where} and ($before is null or number < $before) order by number desc limit $limit",
                [.. values, ("$before", before), ("$limit", Math.Clamp(limit, 1, 500) + 1)]
            );
            var more = rows.Count > Math.Clamp(limit, 1, 500);
            if (more)
                rows.RemoveAt(rows.Count - 1);
            return new JobPage(rows, total, more ? rows[^1].Number : null);
        });

    /// <summary>Waiting runs in the order in which they are started, pauses aside.</summary>
    /// <param name="skip">So many are left out.</param>
    /// <param name="limit">1 to 500.</param>
    internal JobPage Waiting(int skip, int limit) =>
        _database.With(c =>
        {
            const string Where = "where state = 'Queued'";
            var rows = JobRows.Select(
                c,
                $"{Where} order by priority desc, number limit $limit offset $skip",
                ("$limit", Math.Clamp(limit, 1, 500)),
                ("$skip", Math.Max(0, skip))
            );
            return new JobPage(rows, JobRows.Count(c, Where), null);
        });

    /// <summary>The number of runs by state.</summary>
    internal IReadOnlyDictionary<JobState, long> Counts() =>
        _database.With(c =>
            Enum.GetValues<JobState>()
                .ToDictionary(s => s, s => JobRows.Count(c, "where state = $state", ("$state", s.ToString())))
        );

    /// <summary>The plugin sets that waiting and running runs began with.</summary>
    internal IReadOnlySet<string> PluginSetsInUse() =>
        _database.With(c =>
            JobRows
                .Select(c, "where state in ('Queued', 'Running') and plugin_set is not null")
                .Select(j => j.PluginSet!)
                .ToHashSet()
        );

    private Job Insert(Job job)
    {
        lock (_gate)
            return _database.Write(c => JobRows.Insert(c, job));
    }

    private void Rebuild()
    {
        var jobs = Folders().Select(f => f.Job).OrderBy(j => j.Submitted).ToList();
        // Where the data of two services were put together, each has its own run of a number: the earlier one keeps it.
        HashSet<long> taken = [];
        var numbered = jobs.Where(j => j.Number > 0 && taken.Add(j.Number)).ToHashSet();
        foreach (var job in numbered.OrderBy(j => j.Number).Concat(jobs.Where(j => !numbered.Contains(j))))
            _database.Write(c => JobRows.Insert(c, numbered.Contains(job) ? job : job with { Number = 0 }));
    }

    // A folder whose row was never written: the service died between the two.
    private void AddUnlisted()
    {
        var known = _database.With(c => JobRows.Select(c, "").Select(j => j.Id).ToHashSet());
        foreach (var (job, _) in Folders().Where(f => !known.Contains(f.Job.Id)))
            _database.Write(c => JobRows.Insert(c, job with { Number = 0 }));
        foreach (var left in Directory.EnumerateDirectories(_runs, ".*.tmp"))
            Directory.Delete(left, recursive: true);
    }

    // Job files are written at submission and at the end: whatever lies between is queued again.
    private IEnumerable<(Job Job, JobRequest Request)> Folders(string pattern = "*") =>
        Directory
            .EnumerateDirectories(_runs, pattern)
            .Order(StringComparer.Ordinal)
            .Where(d => JobFolder.IsId(Path.GetFileName(d)))
            .Select(d => new JobFolder(d).Read())
            .OfType<(Job, JobRequest)>();

    private void Recover() =>
        _database.Write(c =>
        {
            foreach (var job in JobRows.Select(c, "where state = 'Running'"))
                JobRows.Update(
                    c,
                    job.CancelRequested
                        ? job with
                        {
                            State = JobState.Cancelled,
                            Ended = _clock.GetUtcNow(),
                            Message = "Cancelled.",
                        }
                        : job with
                        {
                            State = JobState.Queued,
                            Message = "The service ended while it ran; it goes on from its last checkpoint.",
                        }
                );
            return 0;
        });

    private void Record(Job job)
    {
        var folder = Folder(job.Id);
        if (folder.Read() is var (_, request))
            folder.Write(job, request);
    }

    // The change is made: whoever fails over the news of it takes it from nobody else.
    private Job Told(Job job)
    {
        foreach (var told in Changed?.GetInvocationList() ?? [])
            Try(job, () => ((Action<Job>)told)(job));
        return job;
    }

    private void Try(Job job, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e)
        {
            Troubled?.Invoke(job, e);
        }
    }

    /// <summary>A run that nobody has looked at yet.</summary>
    internal static Job New(string id, string name, JobRequest request, DateTimeOffset now) =>
        new(
            id,
            0,
            name,
            JobState.Queued,
            request.Priority,
            now,
            null,
            null,
            null,
            0,
            0,
            0,
            request.TimeLimitSeconds,
            null,
            null,
            null,
            "",
            request.Source,
            false
        );

    private static string Shorten(string name) => name.Length <= 60 ? name : name[..60].TrimEnd('-');

    private static string? Like(string? search) =>
        search is null ? null : $"%{search.Replace("\\", "\\\\").Replace("%", "\\%").Replace("_", "\\_")}%";

    private static KdException Missing(string id) =>
        new(ServiceErrors.JobMissing, JobFolder.IsId(id) ? $"There is no run '{id}'." : "That is no id of a run.");
}
