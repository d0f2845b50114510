using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Support;

/// <summary>Meters that say what they are told to.</summary>
public abstract class SampleMeter : Meter<NoOptions>
{
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.ClassIndex];

    public override IReadOnlyList<MeterValue> Values =>
        [new("hits", "", true), new("misses", "", false) { IsBasic = false }];

    protected virtual Dictionary<string, double> Found(long samples) => new() { ["hits"] = samples, ["misses"] = 0 };

    /// <summary>Measurements that are begun and not disposed.</summary>
    internal static int Open { get; private set; }

    public override IMeasurement Begin(MeterBinding binding)
    {
        Open++;
        return new Count(this, binding);
    }

    private sealed class Count(SampleMeter meter, MeterBinding binding) : IMeasurement
    {
        // Held beyond every scope, until it is disposed.
        private readonly Tensor _held = zeros([], ScalarType.Int64, binding.Device).DetachFromDisposeScope();

        public void Add(ModelOutput output, Batch batch) => _held.add_(batch.Count);

        public MeterReading Read() => new(meter.Found(_held.item<long>()), []);

        public void Dispose()
        {
            _held.Dispose();
            Open--;
        }
    }
}

[KdMeter("sample-hits")]
public sealed class HitsMeter : SampleMeter;

[KdMeter("sample-default")]
public sealed class DefaultHitsMeter : SampleMeter
{
    public override bool IsDefault => true;
}

[KdMeter("sample-twin")]
public sealed class TwinMeter : SampleMeter
{
    public override bool IsDefault => true;
}

[KdMeter("sample-gaps")]
public sealed class GapsMeter : SampleMeter
{
    public override IReadOnlyList<MeterValue> Values => [new("gaps", "", false)];

    protected override Dictionary<string, double> Found(long samples) => new() { ["gaps"] = samples };
}

public sealed record NeedyOptions
{
    /// <summary>What has no default.</summary>
    [Required]
    public string? Name { get; init; }
}

[KdMeter("sample-needy")]
public sealed class NeedyMeter : Meter<NeedyOptions>
{
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.ClassIndex];

    public override IReadOnlyList<MeterValue> Values => [new("needs", "", true)];

    public override bool IsDefault => true;

    public override IMeasurement Begin(MeterBinding binding) => throw new NotSupportedException();
}

[KdMeter("sample-broken")]
public sealed class BrokenMeter : Meter<NoOptions>
{
    public BrokenMeter() { }

    public override IReadOnlyCollection<TargetKind> Targets => throw new InvalidOperationException("out of order");

    public override IReadOnlyList<MeterValue> Values => [];

    public override IMeasurement Begin(MeterBinding binding) => throw new NotSupportedException();
}

[KdMeter("sample-silent")]
public sealed class SilentMeter : SampleMeter
{
    public override IReadOnlyList<MeterValue> Values => [];

    public override string Chooser => "";
}

[KdMeter("sample-shouting")]
public sealed class ShoutingMeter : SampleMeter
{
    public override IReadOnlyList<MeterValue> Values => [new("HITS", "", true)];
}

[KdMeter("sample-echo")]
public sealed class EchoMeter : SampleMeter
{
    public override IReadOnlyList<MeterValue> Values => [new("hits", "", true), new("hits", "", true)];
}

[KdMeter("sample-undecided")]
public sealed class UndecidedMeter : SampleMeter
{
    public override string Chooser => "misses";
}

[KdMeter("sample-surprising")]
public sealed class SurprisingMeter : SampleMeter
{
    protected override Dictionary<string, double> Found(long samples) => new() { ["hits"] = 1, ["luck"] = 1 };
}

[KdMeter("sample-speechless")]
public sealed class SpeechlessMeter : SampleMeter
{
    protected override Dictionary<string, double> Found(long samples) => [];
}

[KdMeter("sample-nan")]
public sealed class NanMeter : SampleMeter
{
    protected override Dictionary<string, double> Found(long samples) =>
        new() { ["hits"] = double.NaN, ["misses"] = 0 };
}

[KdMeter("sample-sick")]
public sealed class SickMeter : SampleMeter
{
    public override IReadOnlyList<MeterValue> Values => [new("health", "", true)];

    public override IMeasurement Begin(MeterBinding binding) =>
        throw new KdException(CoreErrors.WrongCombination, "sick");
}
