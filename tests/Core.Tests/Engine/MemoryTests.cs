using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using Microsoft.FSharp.Core;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What a run will need of memory, and what there is.</summary>
public sealed class MemoryTests
{
    private static readonly TestCatalog Catalog = EngineRun.Catalog.With(
        typeof(BankLoss),
        typeof(PoolStrategy),
        typeof(ManySamples)
    );

    private static string Recipe(string losses, string strategy = "supervised", string data = "shapes") =>
        $$"""
            { "name": "memory",
              "dataset": { "id": "{{data}}" {{(
                data == "shapes" ? ", \"options\": { \"size\": 8, \"train\": 64, \"test\": 16 }" : ""
            )}} },
              "sources": { "validation": { "id": "shapes", "split": "test", "options": { "size": 8, "train": 64, "test": 16 } } },
              "models": { "student": { "id": "tiny" } }, "losses": [ {{losses}} ], "strategy": { "id": "{{strategy}}" },
              "training": { "epochs": 50, "batchSize": 16 } }
            """;

    private static PreflightReport Check(string recipe, long limit = 0) =>
        Preflight.Run(
            RecipeReader.ReadText(recipe, ".", RecipeOverrides.None, Catalog),
            Catalog,
            new()
            {
                Samples = 8,
                Steps = 2,
                MemoryLimit = limit,
            }
        );

    [Theory]
    // Of the machine alone, of a group of version 2 whose parent is stricter, of version 1, and where nothing says it.
    [InlineData("", "", "", 4096L * 1024)]
    [InlineData("0::/a/b\n", "/sys/fs/cgroup/a/memory.max", "1000", 1000L)]
    [InlineData("0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max", "max", 4096L * 1024)]
    [InlineData("5:cpu:/x\n4:memory:/a\n", "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2000\n", 2000L)]
    [InlineData("0::/hidden\n", "/sys/fs/cgroup/memory.max", "3000", 3000L)]
    public void The_limit_is_the_smallest_of_the_machines_and_the_control_groups(
        string groups,
        string file,
        string text,
        long expected
    )
    {
        var files = new Dictionary<string, string>
        {
            ["/proc/meminfo"] = "MemTotal:        4096 kB\nMemFree: 7 kB\n",
            ["/proc/self/cgroup"] = groups,
        };
        if (file != "")
            files[file] = text;
        Assert.Equal(expected, Limit(path => files.GetValueOrDefault(path)!));
        Assert.Null(Memory.limitOf(FuncConvert.FromFunc((string _) => (string)null!)));
    }

    private static long Limit(Func<string, string> read) => Memory.limitOf(FuncConvert.FromFunc(read))!.Value;

    [Fact]
    public void This_machine_has_some() => Assert.InRange(Memory.limit(), 1L << 26, 1L << 50);

    [Fact]
    public void A_bank_that_no_step_has_touched_counts()
    {
        var plain = Check(Recipe("""{ "id": "cross-entropy" }"""));
        Assert.True(plain.MemoryBytes >= plain.PeakMemoryBytes);
        // Zeros of 2 GiB that take no page before they are written: 64 samples in rows of 2^23 floats.
        var banked = Check(Recipe("""{ "id": "cross-entropy" }, { "id": "bank", "options": { "width": 8388608 } }"""));
        Assert.True(banked.MemoryBytes > banked.PeakMemoryBytes);
        Assert.InRange(banked.MemoryBytes - (2L << 30), 0, plain.MemoryBytes + (1L << 29));
    }

    [Fact]
    public void A_pool_that_grows_counts_at_its_end()
    {
        // 50 epochs of 4 steps, each of a row of 2^18 floats: 2 steps are tried of 200.
        var report = Check(Recipe("""{ "id": "cross-entropy" }""", "pooling"));
        Assert.InRange(report.MemoryBytes - report.PeakMemoryBytes, 198L << 20, 199L << 20);
    }

    [Fact]
    public void Near_the_limit_it_is_warned()
    {
        var need = Check(Recipe("""{ "id": "cross-entropy" }""")).MemoryBytes;
        Assert.Contains(
            Check(Recipe("""{ "id": "cross-entropy" }"""), need * 11 / 10).Warnings,
            w => w.StartsWith("The run needs about")
        );
        Assert.Empty(Check(Recipe("""{ "id": "cross-entropy" }"""), need * 2).Warnings);
    }

    [Fact]
    public void A_bank_that_cannot_be_is_refused_before_it_is_made()
    {
        // 2^40 samples in rows of 2^10 floats.
        BankLoss.Largest = 0;
        var recipe = Recipe(
            """{ "id": "cross-entropy" }, { "id": "bank", "options": { "width": 1024 } }""",
            data: "many"
        );
        var failure = Assert.Throws<KdException>(() => Check(recipe));
        Assert.Equal(CoreErrors.Memory, failure.Code);
        Assert.Contains("'bank' keeps 4,194,304.0 GiB for 1099511627776 training samples", failure.Message);
        Assert.InRange(BankLoss.Largest, 1, 1L << 31);
    }

    public sealed record BankOptions
    {
        public long Width { get; init; } = 4;
    }

    /// <summary>Keeps a row of zeros for every sample.</summary>
    [KdLoss("bank")]
    public sealed class BankLoss : DistillationLoss<BankOptions>
    {
        private Bank? _bank;

        internal static long Largest { get; set; }

        public override bool NeedsTeacher => false;

        public override nn.Module? Module => _bank;

        public override void Bind(LossBinding binding)
        {
            Largest = Math.Max(Largest, binding.Samples);
            _bank = new(binding.Samples, Options.Width);
        }

        public override Tensor Compute(ILossContext context) => context.Student.Logits.mean();
    }

    private sealed class Bank : nn.Module
    {
        public Bank(long rows, long width)
            : base(nameof(Bank)) =>
            // As large as it says, on any machine: one row that is seen many times.
            register_buffer("rows", rows > 64 ? zeros(1, width).expand(rows, width) : zeros(rows, width));
    }

    /// <summary>Appends a row of a MiB in every step.</summary>
    [KdStrategy("pooling")]
    public sealed class PoolStrategy : DistillationStrategy<NoOptions>
    {
        public override IReadOnlyCollection<string> Needs => [Roles.Student];

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            var pool = context.State.Pool("rows", 0);
            return
            [
                new(
                    "fill",
                    StageLength.Epochs(context.Training.Epochs),
                    _ => pool.Append(new Dictionary<string, Tensor> { ["row"] = zeros(1, 1 << 18) })
                ),
            ];
        }
    }

    /// <summary>2^40 samples of nothing.</summary>
    [KdDataset("many")]
    public sealed class ManySamples : DatasetPlugin<NoOptions>
    {
        public override IDataset Open(string baseFolder) => new Opened();

        private sealed class Opened : IDataset, IDataSource
        {
            public DataInfo Info { get; } = new(InputKind.Image, [3, 8, 8], TargetKind.ClassIndex, 12, [], [], [], []);

            public IReadOnlyCollection<string> Splits => ["train"];

            public string Fingerprint => new('0', 64);

            public long Count => 1L << 40;

            public IDataSource Open(string split) => this;

            public Batch Read(ReadOnlyMemory<long> indices) =>
                new(
                    zeros(indices.Length, 3, 8, 8),
                    new ClassIndexTarget(zeros(indices.Length, ScalarType.Int64)),
                    tensor(indices.ToArray())
                );

            public void Dispose() { }
        }
    }
}
