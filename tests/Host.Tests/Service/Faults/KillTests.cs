using KdPlugins.Host.Tests.Commands;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Killers at work on workers and on the service; no run is lost or done twice.</summary>
public sealed class KillTests : IDisposable
{
    private static readonly Dictionary<string, string> Quick = new()
    {
        ["Kd__BackOffSeconds"] = "0.1",
        ["Kd__MaxBackOffSeconds"] = "1",
        ["Kd__MaxFailures"] = "100",
        ["Kd__Threads"] = "1",
    };

    private readonly Kd _kd = new();
    private readonly string _data;

    public KillTests() => _data = _kd.At("data");

    public void Dispose() => _kd.Dispose();

    private string Submit(ServiceProcess service, params string[] settings) =>
        service.Submit(_kd.TinyRecipe(), settings);

    private string Student(string id) => ServiceProcess.Student(_data, id);

    private static int Count(string text, string word) => text.Split(word).Length - 1;

    [SkippableFact]
    public void Twenty_runs_survive_thirty_kills_of_worker_service_and_both_each_ends_once_with_the_same_student()
    {
        var random = new Random(20);
        var said = "";
        var service = new ServiceProcess(_data, Kd.Plugins, Quick);
        try
        {
            var ids = Enumerable.Range(0, 20).Select(_ => Submit(service, "checkpoints.everySteps=1")).ToArray();
            for (var kill = 0; kill < 30; kill++)
            {
                Thread.Sleep(random.Next(200, 3000));
                var which = random.Next(3);
                var worker = ids.Select(id => ServiceProcess.WorkerOf(_data, id)).FirstOrDefault(p => p is not null);
                if (which != 1)
                    worker?.Kill();
                if (which == 0)
                    continue;
                service.Kill();
                said += service.Said;
                service.Dispose();
                service = new ServiceProcess(_data, Kd.Plugins, Quick);
            }
            foreach (var id in ids)
                Assert.Equal("Done", service.WaitFor(id, "Done", "Failed", "Cancelled"));
            said += service.Said;
            Assert.Single(ids.Select(Student).Distinct());
            Assert.All(ids, id => Assert.InRange(Count(said, $"Run {id} is done."), 0, 1));
            Assert.Equal(20, (int)service.Get("/api/counts")["Done"]!);
        }
        finally
        {
            service.Dispose();
        }
    }
}
