import{BarrageError as W}from"./barrage.mjs";function S(o){return new W("invalid",o)}function b(o,e,t){let{seq:i,userId:r,id:s,ts:a}=o;return r?r!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(a-e.ts)<=(s?12e4:0):t&&i>0&&i===e.seq}var B=/[\u202a-\u202e\u2066-\u2069]/g,D=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function u(o){return o.replace(B,"")}function y(o){let e=u(o);return D.
test(e)?`⁨${e}⁩`:e}var N=64,_=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function q({user:o,userId:e}){let t=o?.name;return typeof t!="string"?u(e):[...t.replace(/\s+/g," ").replace(_,"").
trim()].slice(0,N).join("").trim()||u(e)}function C(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var p=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},v=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function P(o,e){if(o>=e*.97)return;let t=e/Math.max(o,.01);if(t>=1.75)return{part:1,whole:Math.round(t)};let i=Math.min(9,Math.max(2,Math.round(o/(e-o))));return{
part:i,whole:i+1}}function $(o,e){return o.from-o.speed*(e-o.at)}var O=4,w=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/O)}clear(){this.last.fill(void 0)}place(e,t,i,r=0){
let s=Math.ceil(e.height/O),a=this.width+r;for(let n=0;n+s<=this.strips;n+=s){if(this.firstTaken(n,s,a,t,i)>=0)continue;let l={...e,speed:t,from:a,at:i,top:n*O};for(let d=n;d<n+s;d++)this.last[d]=l;return l}}firstTaken(e,t,i,r,s){
let a;for(let n=e;n<e+t;n++){let h=this.last[n];if(!(h===a||!h)){if(!this.staysBehind(h,i,r,s))return n;a=h}}return-1}staysBehind(e,t,i,r){let s=$(e,r)+e.width+this.gap;return s>t?!1:s<=0||i<=e.speed?
!0:t-i*(s/e.speed)>=0}};var J=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],j=1.4,K='system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHe\
i", "Noto Sans CJK SC", sans-serif',R=12,M=60,G=120,U=900,Y=8e3,k=class{constructor(e){this.canvas=e;this.context=e.getContext("2d")}canvas;tracks=new w(R);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;offered=new p;shown=new p;blank=!0;pictures;look={
family:K,times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.
height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=G)return;let t=this.waiting.findIndex(
i=>i.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}remove(e){this.drop(t=>b(e,t,!0))}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.
message)&&(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}share(e){let t=this.offered.perSecond(e),i=this.shown.perSecond(e);return t<3?void 0:P(i,t)}draw(e){this.launch(
e);let{context:t,scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let r=0;for(let s of this.flyers){let a=$(s.flight,e);if(a+s.flight.width<
0){this.spare.length<64&&this.spare.push(s.sprite);continue}this.flyers[r++]=s,a<this.width&&t.drawImage(s.sprite,a*i,s.flight.top*i+4*i)}this.flyers.length=r}launch(e){if(this.waiting=this.waiting.filter(
n=>e-n.since<(n.comment.look==="mine"?Y:U)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),r=4,s=n=>+(n.comment.look==="mine"),a=this.waiting.
sort((n,h)=>s(h)-s(n));this.waiting=[];for(let n of a)i>0&&r>0&&this.fly(n.comment,t,e)?i--:(r--,this.waiting.push(n))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:i,speed:r},s){let a=this.
partsOf(Q(e));this.context.font=`600 ${t}px ${this.look.family}`;let n=Math.ceil(a.reduce((d,c)=>d+this.widthOf(c,t),0))+L(e,t)*2,h=1+.3*Math.min(1,n/this.width),l=this.tracks.place({width:n,height:i},
this.base*r*h,s,Math.random()*60);return l?(this.ems+=(n/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:l,sprite:this.paint(e,a,t,l)}),!0):!1}density(e){let t=this.offered.perSecond(
e),{times:i,speed:r}=this.look,s=J.map(({font:n,track:h,speed:l})=>({font:n*i,track:h*i,speed:l*r}));return s.find(({font:n,track:h,speed:l})=>{let d=(this.ems*n+R)/(this.base*l*1e3);return t<.75*Math.
floor(this.height/h)/d})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||y(e)!==e)return[e];let r=0;for(let[s,a,n]of t){let h=this.pictures.of(n);h&&(i.push(e.slice(r,s),h),
r=a)}return[...i,e.slice(r)].filter(s=>s!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(e).width:j*t}paint(e,t,i,{width:r,height:s}){let a=this.spare.pop()??document.createElement(
"canvas"),n=a.getContext("2d");a.width=Math.ceil(r*this.scale),a.height=Math.ceil(s*this.scale),n.scale(this.scale,this.scale),e.look!=="plain"&&(n.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rg\
b(160 96 0 / .62)",n.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",n.lineWidth=1.5,n.beginPath(),n.roundRect(1,1,r-2,s-2,s/2),n.fill(),n.stroke()),n.font=`600 ${i}px ${this.look.family}`,n.textBaseline=
"middle",n.lineJoin="round",n.lineWidth=i/6,n.strokeStyle="rgb(8 6 24 / .72)",n.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=s/2+1,l=j*i,d=L(e,i);for(let c of t)
typeof c=="string"?(n.strokeText(c,d,h),n.fillText(c,d,h)):n.drawImage(c,d,h-l/2,l,l),d+=t.length>1?this.widthOf(c,i):0;return a}};function L(o,e){return o.look==="plain"?3:e*.7}var Z=new Intl.Segmenter;
function Q({text:o,who:e}){return(e?`${y(e)} `:"")+y(V(o))}function V(o){let e=o.replace(/\s+/g," ");if(e.length<=M)return e;let t=[...Z.segment(e.slice(0,4*M))].map(i=>i.segment);return t.length<=M?e:
`${t.slice(0,M).join("")}…`}function T({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var I=30,X=22,H=1e3,A=600,Me=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${A}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,E=class{#o;#t;#n;#r;#i;#l;#p=new v(I,2*I);#a;#s=[];#e=[];#d=[];#c=()=>"";#h=0;#f=-H;constructor(e,t={}){let{look:i="fly",lines:r=8,fadeMs:s=0,area:a=1,size:n,font:h,accent:l,hide:d=()=>!1}=t;if(!["f\
ly","list","both"].includes(i))throw S(`cannot make an overlay: look is ${String(i)}, want fly, list or both`);x("lines",r,1,100),x("fadeMs",s,0,36e5),x("area",a,.1,1),n!==void 0&&x("size",n,8,200),this.#r=
Math.floor(r),this.#i=s,this.#l=d;let c=this.#o=m("div",`barrage${s>0?" barrage-fades":""}`),z={size:n&&`${n}px`,font:h,accent:l,fade:`${s}ms`,area:t.area&&String(a)};for(let[f,g]of Object.entries(z))
g&&c.style.setProperty(`--barrage-${f}`,g);if(i!=="list"){let f=m("canvas","barrage-sky");f.ariaHidden="true",c.append(f);let g=this.#t=new k(f);this.#a=new ResizeObserver(()=>g.resize()),this.#a.observe(
f)}i!=="fly"&&c.append(this.#n=m("ol","barrage-list")),e.append(c),this.#h=requestAnimationFrame(f=>this.#m(f))}show(e){this.clear(),this.#c=()=>e.epoch;let t=i=>this.#u(i);this.#d=[e.on("message",(i,{
history:r})=>this.#g(i,e.epoch,r)),e.on("recalled",i=>t((r,s)=>b(i,r,s===e.epoch))),e.on("purged",i=>t(r=>T(r,i))),e.on("cleared",i=>t((r,s)=>s!==i.epoch||r.seq<=i.seq))]}clear(){for(let e of this.#d.
splice(0))e();this.#u(()=>!0),this.#t?.clear()}close(){this.clear(),cancelAnimationFrame(this.#h),this.#a?.disconnect(),this.#o.remove()}#g(e,t,i){if(e.recalled||this.#l(e))return;let r=e.kind==="syst\
em",s=performance.now(),a=i?Math.max(0,Date.now()-e.ts):0;if(this.#n&&(this.#i===0||a<this.#i)&&(r||i||this.#p.take(s))&&(this.#e.push({message:e,epoch:t,node:this.#b(e,a),endsAt:this.#i>0?s+this.#i-a+
A:1/0}),this.#e.length>2*this.#r&&(this.#e=this.#e.slice(-this.#r))),i||document.hidden)return;let n=e.kind==="gift";this.#t?.add({message:e,text:e.body,...n?{who:q(e)}:{},look:n||r?"gift":"plain",hue:C(
e.userId)})}#b(e,t){let i=e.kind==="system",r=m("li",`barrage-row barrage-kind-${F(e.kind)}${i?" barrage-said":""}`),s=e.user?.role;return typeof s=="string"&&s&&r.classList.add(`barrage-role-${F(s)}`),
r.style.setProperty("--barrage-hue",String(C(e.userId))),t>0&&(r.style.animationDelay=`${this.#i-t}ms`),r.part.add("row"),i||r.append(m("b","barrage-name",q(e))," "),r.append(m("span","barrage-text",u(
e.body))),r}#u(e){let t=({message:i,epoch:r,node:s})=>e(i,r)?(s.remove(),!1):!0;this.#s=this.#s.filter(t),this.#e=this.#e.filter(t),this.#t?.drop(i=>e(i,this.#c()))}#y(e,t){if(t-this.#f>=H){let{fontFamily:i,
fontSize:r}=getComputedStyle(this.#o);e.look={family:i,times:parseFloat(r)/X,speed:1},this.#f=t}e.draw(performance.now())}#m(e){if(this.#h=requestAnimationFrame(s=>this.#m(s)),this.#t&&this.#y(this.#t,
e),!this.#n)return;let t=this.#s.length>0&&this.#s[0].endsAt<=e;if(this.#e.length===0&&!t)return;let i=[...this.#s,...this.#e.splice(0)],r=i.filter(({endsAt:s})=>s>e).slice(-this.#r);for(let s of i)r.
includes(s)||s.node.remove();for(let{node:s}of r)s.isConnected||this.#n.append(s);this.#s=r}};function x(o,e,t,i){if(!(typeof e=="number"&&e>=t&&e<=i))throw S(`cannot make an overlay: ${o} is ${String(
e)}, want ${t} to ${i}`)}function F(o){return o.replace(/[^\w-]/g,"_").slice(0,32)}function m(o,e,t=""){let i=document.createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}export{E as Overlay,Me as overlayStyle};
