using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;

namespace KdPlugins.Host.Service;

/// <summary>What the service measures, under the meter "KdPlugins": read at /metrics, or by OpenTelemetry.</summary>
internal sealed class ServiceMetrics : IDisposable
{
    internal const string MeterName = "KdPlugins";
    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _attempts;
    private readonly Counter<long> _checkpoints;
    private readonly Counter<long> _notFinite;
    private readonly Counter<long> _loads;
    private readonly Counter<long> _unloads;
    private readonly Counter<long> _leaks;
    private readonly Counter<long> _partFailures;
    private readonly Histogram<double> _rate;

    public ServiceMetrics(Hub hub)
    {
        _attempts = _meter.CreateCounter<long>(
            "kd.attempts",
            description: "Attempts that ended, by the run's state then."
        );
        _checkpoints = _meter.CreateCounter<long>("kd.checkpoints", description: "Checkpoints that workers wrote.");
        _notFinite = _meter.CreateCounter<long>(
            "kd.not_finite",
            description: "Readings with a loss that is not finite."
        );
        _loads = _meter.CreateCounter<long>("kd.plugins.loads", description: "Plugin sets that came into use.");
        _unloads = _meter.CreateCounter<long>(
            "kd.plugins.unloads",
            description: "Plugin folders proven to be unloaded."
        );
        _leaks = _meter.CreateCounter<long>("kd.plugins.leaks", description: "Plugin folders that stayed in memory.");
        _partFailures = _meter.CreateCounter<long>(
            "kd.part_failures",
            description: "Failed turns of the service's parts."
        );
        _rate = _meter.CreateHistogram<double>("kd.samples_per_second", "{sample}/s", "The workers' rates.");
        _meter.CreateObservableGauge("kd.watchers", () => hub.Watchers, description: "Open event streams.");
    }

    /// <summary>An attempt ended.</summary>
    internal void AttemptEnded(string state) => _attempts.Add(1, KeyValuePair.Create<string, object?>("state", state));

    /// <summary>A worker said something.</summary>
    internal void Said(JsonObject said)
    {
        switch ((string?)said["event"])
        {
            case "checkpoint":
                _checkpoints.Add(1);
                break;
            case "step":
                if (said["imagesPerSecond"] is JsonValue value && value.TryGetValue<double>(out var rate))
                    _rate.Record(rate);
                // Numbers that are not finite come as their names.
                if (
                    said["values"] is JsonObject values
                    && values["loss"]?.GetValueKind() == System.Text.Json.JsonValueKind.String
                )
                    _notFinite.Add(1);
                break;
        }
    }

    /// <summary>A part of the service failed and goes on.</summary>
    internal void PartFailed(string part) => _partFailures.Add(1, KeyValuePair.Create<string, object?>("part", part));

    /// <summary>A new plugin set came into use.</summary>
    internal void PluginsSwapped() => _loads.Add(1);

    /// <summary>An old one was to go.</summary>
    internal void PluginsUnloaded(int gone, int leaked)
    {
        _unloads.Add(gone);
        _leaks.Add(leaked);
    }

    public void Dispose() => _meter.Dispose();
}
