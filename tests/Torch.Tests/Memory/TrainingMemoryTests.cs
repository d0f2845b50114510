using TorchSharp;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace KdPlugins.Torch.Tests.Memory;

/// <summary>Ten thousand steps whose author disposes nothing.</summary>
public class TrainingMemoryTests
{
    public TrainingMemoryTests() => StepScopeTests.Collected();

    private sealed class Net : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> _hidden = nn.Linear(6, 8);
        private readonly nn.Module<Tensor, Tensor> _norm = nn.BatchNorm1d(8);
        private readonly nn.Module<Tensor, Tensor> _head = nn.Linear(8, 3);

        internal Net()
            : base("net") => RegisterComponents();

        public override Tensor forward(Tensor x) =>
            _head.forward(dropout(relu(_norm.forward(_hidden.forward(x))), 0.1));
    }

    private static void Distil(Net teacher, Net student, optim.Optimizer optimizer, Tensor average)
    {
        var x = randn(8, 6);
        var labels = randint(0, 3, [8]);
        Tensor soft;
        using (no_grad())
            soft = (teacher.forward(x) / 4).softmax(1);
        var logits = student.forward(x);
        var kl = kl_div((logits / 4).log_softmax(1), soft, reduction: nn.Reduction.Sum) * 16 / 8;
        var loss = 0.5f * cross_entropy(logits, labels) + 0.5f * kl;
        optimizer.zero_grad();
        loss.backward();
        nn.utils.clip_grad_norm_(student.parameters(), 1);
        _ = student.parameters().First().grad!.norm();
        optimizer.step();
        average.mul_(0.9f).add_(loss.detach(), 0.1f);
        _ = loss.item<float>();
    }

    private static long ResidentBesidesManaged =>
        LiveTensors.ResidentBytes - GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes;

    [Fact]
    public void Ten_thousand_steps_leave_the_count_of_tensors_and_the_memory_flat()
    {
        var threads = get_num_threads();
        set_num_threads(1);
        using var outer = NewDisposeScope();
        using var teacher = new Net();
        using var student = new Net();
        teacher.eval();
        using var optimizer = optim.SGD(student.parameters(), 0.05, momentum: 0.9);
        var average = zeros(1);
        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = StepScope.Begin();
                Distil(teacher, student, optimizer, average);
            }
        }

        Steps(2000); // the compiler's tiers and libtorch's caches settle
        StepScopeTests.Collected();
        var (tensors, resident) = (LiveTensors.Count, ResidentBesidesManaged);
        var growth = NativeGrowth.Smallest(
            8,
            () =>
            {
                Steps(1000);
                Assert.Equal(tensors, LiveTensors.Count);
            }
        );
        // One small tensor of each step would be half a megabyte in every round.
        Assert.InRange(growth, -20_000_000, 200_000);
        Assert.InRange(ResidentBesidesManaged - resident, -200_000_000, 60_000_000);
        set_num_threads(threads);
    }

    [Fact]
    public void Without_scopes_the_same_steps_pile_up_tensors()
    {
        using var outer = NewDisposeScope();
        using var teacher = new Net();
        using var student = new Net();
        using var optimizer = optim.SGD(student.parameters(), 0.05);
        var before = LiveTensors.Count;
        for (var i = 0; i < 10; i++)
            Distil(teacher, student, optimizer, zeros(1));
        Assert.True(LiveTensors.Count > before + 200, "the test above could not fail");
    }

    [Fact]
    public void The_counts_follow_a_large_tensor()
    {
        var (tensors, native, resident) = (LiveTensors.Count, LiveTensors.NativeBytes, LiveTensors.ResidentBytes);
        const long bytes = 64 << 20;
        using (var x = ones(bytes / 4))
        {
            Assert.Equal(tensors + 1, LiveTensors.Count);
            Assert.InRange(LiveTensors.NativeBytes - native, bytes - 100_000, bytes + 8_000_000);
            Assert.InRange(LiveTensors.ResidentBytes - resident, bytes / 2, bytes * 2);
        }
        Assert.Equal(tensors, LiveTensors.Count);
        Assert.InRange(LiveTensors.NativeBytes - native, -100_000, 8_000_000);
    }

    [Fact]
    public void Large_tensors_that_are_dropped_without_a_scope_are_found_before_they_fill_the_memory()
    {
        var resident = LiveTensors.ResidentBytes;
        long peak = 0;
        for (var i = 0; i < 256; i++)
        {
            DropOne();
            peak = Math.Max(peak, LiveTensors.ResidentBytes - resident);
        }
        // 2 GB were made; 8 MB each.
        Assert.InRange(peak, 1, 1_600_000_000);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void DropOne() => ones(2 << 20);
}
